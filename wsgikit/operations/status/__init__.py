"""The status page: ``layer`` answers, ``view`` is what there is to see, and the others make it HTML."""

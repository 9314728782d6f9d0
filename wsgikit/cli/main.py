"""``wsgikit``: the commands. Parsing is click's, from the ``cli`` extra; what a command does has its own file."""

from __future__ import annotations

import sys

from wsgikit import __version__

try:
    import click
except ModuleNotFoundError:
    sys.exit("wsgikit's command line needs its `cli` extra: pip install '.[cli]'")

from wsgikit.core.target import TargetError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wsgikit")
def main() -> None:
    """The gateway inside the process: serve, look at and try out WSGI apps behind wsgikit's layers.

    TARGET is "module:attribute", such as "shop.wsgi:application".
    """


_bind = [
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option(
        "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one."
    ),
    click.option(
        "--threads", default=8, show_default=True, type=click.IntRange(1), help="Requests served at once."
    ),
]


@main.command()
@click.argument("target")
def inspect(target: str) -> None:
    """Print the tree of layers and apps in TARGET, in request order."""
    from wsgikit.core.tree import draw

    click.echo(draw(_load(target)))


@main.command()
@click.argument("target")
def serve(target: str, host: str, port: int, threads: int) -> None:
    """Serve TARGET on the embedded server (waitress)."""
    from wsgikit.cli.serve import CannotListen
    from wsgikit.cli.serve import serve as run

    try:
        run(_load(target), host=host, port=port, threads=threads, say=click.echo)
    except CannotListen as error:
        raise click.ClickException(str(error)) from error


@main.command()
def demo(host: str, port: int, threads: int) -> None:
    """Serve the example gateway: Flask, Django and Bottle side by side, and a backend behind the proxy."""
    from wsgikit.cli.demo import DemoError
    from wsgikit.cli.demo import demo as run
    from wsgikit.cli.serve import CannotListen

    try:
        run(host=host, port=port, threads=threads, say=click.echo)
    except (DemoError, CannotListen) as error:
        raise click.ClickException(str(error)) from error


for _command in (serve, demo):
    for _option in reversed(_bind):
        _option(_command)


def _load(target: str) -> object:
    """The app that TARGET names; an error that says what is wrong with it, and no traceback, if there is none."""
    from wsgikit.core.target import load_app, parse_target

    sys.path.insert(0, "")  # as `python -m` and every server do: the folder the command is typed in
    try:
        parse_target("wsgikit", "TARGET", target)
        return load_app(target)
    except (TargetError, ValueError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()

"""What httpd has for its modules and mod_python spoils: the bytes of a table, and those of a request's body.

mod_python decodes what is in a table as UTF-8, and a value that is none ends the process, by any of a table's methods.
It has chunked bodies refused with 411, and writes before its own buffer where a read fails. The functions of
http_protocol.h and apr_tables.h do it right, and we are in the program that has them.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from wsgikit.core.input import Truncated

_DECHUNK = 2  # REQUEST_CHUNKED_DECHUNK of httpd.h
# Where a mod_python table keeps its apr_table_t: right after the head that C gives an object with a size.
_TABLE = tuple.__basicsize__


class Array(ctypes.Structure):
    """apr_array_header_t of apr_tables.h."""

    _fields_ = (
        ("pool", ctypes.c_void_p),
        ("elt_size", ctypes.c_int),
        ("nelts", ctypes.c_int),
        ("nalloc", ctypes.c_int),
        ("elts", ctypes.c_void_p),
    )


class Entry(ctypes.Structure):
    """apr_table_entry_t of apr_tables.h."""

    _fields_ = (("key", ctypes.c_char_p), ("val", ctypes.c_char_p), ("key_checksum", ctypes.c_uint32))


def pairs(table: Any) -> dict[str, str]:
    """What is in a table, as the latin-1 that PEP 3333 wants."""
    array = functions().apr_table_elts(address(table)).contents
    entries = (Entry * array.nelts).from_address(array.elts)
    return {
        entry.key.decode("latin-1"): entry.val.decode("latin-1") for entry in entries if entry.val is not None
    }


def value(table: Any, name: str) -> str | None:
    """What a table has by that name, in whichever case."""
    found: bytes | None = functions().apr_table_get(address(table), name.encode())
    return None if found is None else found.decode("latin-1")


def address(table: Any) -> ctypes.c_void_p:
    """The apr_table_t within a table of mod_python's."""
    return ctypes.c_void_p.from_address(id(table) + _TABLE)


def begin_body(req: Any) -> int:
    """Have a request's body read, chunks taken apart; gives what ``read_body`` reads from."""
    request: int = request_rec()(req._request_rec, None)
    status = functions().ap_setup_client_block(request, _DECHUNK)
    if status:
        # Another coding than chunked: an error of the client's, and no page of ours in anybody's log.
        raise Truncated(f"Apache does not take this request body: {status}")
    functions().ap_should_client_block(request)
    return request


def read_body(request: int, size: int) -> bytes | None:
    """Up to ``size`` bytes, none at the end, or None where the body broke off."""
    block = ctypes.create_string_buffer(size)
    read: int = functions().ap_get_client_block(request, block, size)
    return None if read < 0 else bytes(memoryview(block)[:read])


@cache
def functions() -> Any:
    """The program's functions that are called here."""
    program = ctypes.CDLL(None)
    program.apr_table_elts.argtypes = [ctypes.c_void_p]
    program.apr_table_elts.restype = ctypes.POINTER(Array)
    program.apr_table_get.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    program.apr_table_get.restype = ctypes.c_char_p
    program.ap_setup_client_block.argtypes = [ctypes.c_void_p, ctypes.c_int]
    program.ap_should_client_block.argtypes = [ctypes.c_void_p]
    program.ap_get_client_block.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    program.ap_get_client_block.restype = ctypes.c_long
    return program


@cache
def request_rec() -> Any:
    """The function that unwraps the address of a request, which mod_python gives out in a capsule."""
    unwrap = ctypes.pythonapi.PyCapsule_GetPointer
    unwrap.argtypes, unwrap.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    return unwrap

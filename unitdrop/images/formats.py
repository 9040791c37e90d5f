"""What a file is by its first bytes: a format that is read, or one that is named and refused."""

from __future__ import annotations

from typing import NoReturn

from unitdrop.errors import ImageError

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".apng", ".gif", ".webp")
SUFFIXES += (".avif", ".bmp", ".tif", ".tiff")
"""How the names of such files end, in small letters."""
HEAD = 512  # bytes that `recognised` likes to see

_READ = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBP", "WEBP"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
)
_PICTURES = (
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\xff\xd8\xf7", "a JPEG-LS picture"),
    *((0, b"P" + kind, "a PPM, PGM or PBM picture") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"7")),
    (0, b"PF\n", "a PFM picture"),
    (0, b"Pf\n", "a PFM picture"),
    (0, b"qoif", "a QOI picture"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"gimp xcf", "a GIMP document"),
    *((0, b"\0\0" + kind + bytes(5), "a TGA picture") for kind in (b"\2", b"\3", b"\x0a", b"\x0b")),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"\0\0\2\0", "a cursor (CUR)"),
    (0, b"icns", "an icon (ICNS)"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (0, b"%PDF", "a PDF"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance HDR picture"),
    (0, b"DDS ", "a DDS picture"),
    (0, b"\x0a\x05\x01", "a PCX picture"),
    (0, b"\x01\xda", "an SGI picture"),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster picture"),
    (0, b"/* XPM */", "an XPM picture"),
    (128, b"DICM", "a DICOM file"),
    (0, b"SIMPLE  =", "a FITS file"),
    (0, b"FUJIFILM", "a camera's raw file"),
    (0, b"IIU\0", "a camera's raw file"),
    (0, b"IIRO", "a camera's raw file"),
    (0, b"<svg", "an SVG drawing"),
)
_OTHERS = (
    (0, b"PK\x03\x04", "a zip archive; unpack it and pass a picture in it"),
    (0, b"\x1f\x8b", "a gzip file; unpack it first"),
    (0, b"\x93NUMPY", "a NumPy array; pass numpy.load(...) of it"),
    (0, b"\x89HDF", "an HDF5 file; read the array in it and pass that"),
    (8, b"AVI ", "a film; save one frame of it as PNG or JPEG"),
    (0, b"\x1aE\xdf\xa3", "a film; save one frame of it as PNG or JPEG"),
    (0, b"version https://git-lfs", "a pointer of Git LFS; fetch the picture itself with: git lfs pull"),
    (0, b"\0\x05\x16\x07", "what macOS keeps beside a picture; pass the picture, without '._' in its name"),
    (0, b"{\\rtf", "a text; pass a picture"),
)
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "a HEIC picture"
    ),
    **dict.fromkeys((b"mif1", b"msf1", b"mif2", b"miaf"), "a HEIF picture"),
    b"crx ": "a camera's raw file",
}


def recognised(head: bytes, name: str) -> str:
    """Return which of `FORMATS` a file is, by its beginning.

    Raises
    ------
    ImageError
        None of them; the message names what it is, where that is known, and the remedy.

    Examples
    --------
    >>> recognised(b"GIF89a...", "a.gif")
    'GIF'
    >>> recognised(b"qoif", "a.png")
    Traceback (most recent call last):
    unitdrop.errors.ImageError: a.png: is a QOI picture, which is not read; save it as PNG or JPEG
    """
    if head[4:8] == b"ftyp":
        return _of_brands(head, name)
    for place, magic, form in _READ:
        if head.startswith(magic, place) and (form != "WEBP" or head.startswith(b"RIFF")):
            return form
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise ImageError(f"{name}: is a web page, not a picture; download the picture itself")
    for place, magic, thing in _OTHERS:
        if head.startswith(magic, place):
            raise ImageError(f"{name}: is {thing}")
    for place, magic, thing in _PICTURES:
        if head.startswith(magic, place):
            _refuse(name, thing)
    if start.startswith(b"<?xml") and b"<svg" in start:
        _refuse(name, "an SVG drawing")
    if name.lower().endswith((".tga", ".targa")):
        _refuse(name, "a TGA picture")
    raise ImageError(f"{name}: is no readable picture; pass a {', '.join(FORMATS)} file")


def _of_brands(head: bytes, name: str) -> str:
    """Return "AVIF" for a file of boxes with such a brand; refuse its relatives by name."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))]
    known = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
    if "AVIF" in known:
        return "AVIF"
    if known:
        _refuse(name, known[0])
    raise ImageError(f"{name}: is a film; save one frame of it as PNG or JPEG")


def _refuse(name: str, thing: str) -> NoReturn:
    raise ImageError(f"{name}: is {thing}, which is not read; save it as PNG or JPEG")

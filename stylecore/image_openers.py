"""Which decoder reads which format. Opened by class and not through ``Image.open``: no other decoder can be reached, a
phone's multi-picture JPEG is the JPEG it begins with, and the pixel limit is ours for each call instead of Pillow's."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    _avif,
)

from stylecore.image_problems import ImageProblem, ProblemCode
from stylecore.tag_directories import check_tags


class JpegFile(JpegImagePlugin.JpegImageFile):
    """Pillow would read the EXIF block for a resolution as soon as it opens a JPEG: before that block is checked."""

    def _read_dpi_from_exif(self) -> None:
        pass


class _AvifFile(AvifImagePlugin.AvifImageFile):
    """Pillow reads the EXIF block for the orientation as soon as it opens an AVIF; here that block is checked first."""

    def _open(self) -> None:
        content = self.fp.read() if self.fp is not None else b""
        exif = _avif.AvifDecoder(content, "auto", 1).get_info()[4]
        if exif:
            check_tags(exif.removeprefix(b"Exif\x00\x00"))
        self.fp = io.BytesIO(content)
        super()._open()


def _heic(file: io.BytesIO) -> ImageFile.ImageFile:
    try:
        from pi_heif import HeifImageFile
    except ImportError as error:
        raise ImageProblem(
            ProblemCode.UNSUPPORTED_FORMAT,
            "a HEIC file, and nothing that reads HEIC is installed",
            "the extra 'heic', or another format",
            "Install it with `pip install 'restyle[heic]'`, or convert the file to JPEG",
        ) from error
    opened: ImageFile.ImageFile = HeifImageFile(file)
    return opened


OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "jpeg": JpegFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "avif": _AvifFile,
    "heic": _heic,
    "gif": GifImagePlugin.GifImageFile,
    "psd": PsdImagePlugin.PsdImageFile,
}


def is_animated(image: Image.Image) -> bool:
    """Whether there are frames to choose from. A Photoshop file's layers, a TIFF's thumbnails and what a phone puts
    beside its picture are none."""
    return image.format in ("PNG", "WEBP", "GIF", "AVIF") and bool(getattr(image, "is_animated", False))

"""Pictures of 100 megapixels in every format: the right pixels, reduced, with bounded memory."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, features

MOST = 1000  # MB, of a process and of the child that it starts
PROGRAM = """
import json, resource, sys
from pathlib import Path
import numpy as np
from unitdrop.images import load_image

rgb = load_image(sys.argv[1])
np.save(sys.argv[2], rgb)
own = next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([own // 1024, child // 1024]))
"""
KINDS = {
    "PNG": {"compress_level": 1},
    "BMP": {},
    "GIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"quality": 20, "method": 0},
    "WEBP lossless, clear": {"lossless": True, "quality": 0, "method": 0},
    "AVIF": {"quality": 90, "speed": 10},
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_100_megapixels_is_reduced(kind, tmp_path):
    codec, *clear = kind.split(" ")
    if codec == "AVIF" and not features.check("avif"):
        pytest.skip("this build of Pillow has no AVIF")
    small = np.random.default_rng(0).integers(0, 256, (125, 125, 3), dtype=np.uint8)
    smooth = kind in ("WEBP", "AVIF")  # a lossy encoder cannot write so many edges
    way = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    image = Image.fromarray(small).resize((10_000, 10_000), way)
    if clear:
        image.putalpha(255)
    image = image.convert("L") if codec == "GIF" else image
    image.save(tmp_path / "a", codec, **KINDS[kind])
    expected = np.asarray(image.resize((125, 125), Image.Resampling.NEAREST).convert("RGB"))  # of the middles
    del image
    command = [sys.executable, "-c", PROGRAM, tmp_path / "a", tmp_path / "rgb.npy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    shown = np.load(tmp_path / "rgb.npy")
    assert shown.shape == (5000, 5000, 3)
    apart = np.abs(shown[20::40, 20::40].astype(int) - expected)
    assert apart.mean() < 8 if smooth else apart.max() == 0
    assert max(json.loads(done.stdout)) < MOST

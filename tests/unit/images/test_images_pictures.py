"""Pictures and prompts from disk: every kind of file becomes 8-bit RGB; what cannot be read is named."""

from __future__ import annotations

import io
import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from harness.errors import InputError
from harness.images import pictures, prompts
from harness.images.pictures import decode, open_set, png


def saved(picture, **options):
    file = io.BytesIO()
    picture.save(file, **options)
    return file.getvalue()


def test_transparent_parts_are_white():
    found = pictures.decode(saved(Image.new("RGBA", (3, 2), (0, 0, 0, 0)), format="PNG"), "x")
    assert found.pixels.shape == (2, 3, 3) and (found.pixels == 255).all() and found.mode == "RGBA"


def test_sixteen_bits_are_scaled_not_cut():
    values = np.array([[0, 32768, 65535]], np.uint16)
    found = pictures.decode(saved(Image.fromarray(values), format="PNG"), "x")
    assert found.pixels[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA"])
def test_other_modes_become_rgb(mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    found = pictures.decode(saved(Image.new("RGB", (4, 4), (255, 255, 255)).convert(mode), format=kind), "x")
    assert found.pixels.shape == (4, 4, 3) and found.pixels.min() > 250


def test_a_picture_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    found = pictures.decode(saved(Image.new("RGB", (5, 2)), format="JPEG", exif=exif), "x")
    assert found.pixels.shape == (5, 2, 3)


def test_what_is_no_picture_is_named(tmp_path):
    good = saved(Image.new("RGB", (8, 8), "red"), format="PNG")
    (tmp_path / "0093.png").write_bytes(good[: len(good) // 2])
    (tmp_path / "0094.png").write_bytes(good)
    whole = pictures.open_set(str(tmp_path))
    with pytest.raises(
        InputError, match=r"0093\.png cannot be read as a picture \(.*\); 1 of 2; --skip-unreadable leaves such out"
    ):
        list(whole)
    left = pictures.open_set(str(tmp_path), skip_unreadable=True)
    assert [entry.id for entry in left.entries] == ["0094"] and left.skipped == ("0093.png",)
    (tmp_path / "0094.png").unlink()
    with pytest.raises(InputError, match=r"none of the 1 pictures of .* can be read"):
        pictures.open_set(str(tmp_path), skip_unreadable=True)


def test_a_folder_and_its_zip_are_one_set(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, color in (("a__1.png", "red"), ("a__2.png", "blue")):
            data = saved(Image.new("RGB", (8, 8), color), format="PNG")
            (folder / name).write_bytes(data)
            archive.writestr(name, data)
    first, second = pictures.open_set(str(folder)), pictures.open_set(str(tmp_path / "all.zip"))
    assert first.sha256() == second.sha256() and first.entries == second.entries
    assert [(one.prompt, one.seed) for one in first.entries] == [("a", 1), ("a", 2)]


def test_a_manifest_says_prompt_seed_and_step(tmp_path):
    (tmp_path / "x.png").write_bytes(saved(Image.new("RGB", (8, 8)), format="PNG"))
    row = {"id": "one", "image": "x.png", "prompt": "a cat", "seed": 3, "step": 500}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(row) + "\n")
    (entry,) = pictures.open_set(str(tmp_path)).entries
    assert (entry.id, entry.prompt, entry.seed, entry.step) == ("one", "a cat", 3, 500)
    (tmp_path / "manifest.jsonl").write_text('{"id": "one"}\n')
    with pytest.raises(InputError, match='line 1: a row needs "image"'):
        pictures.open_set(str(tmp_path))


def test_resizing_is_bicubic_in_float_and_leaves_the_right_size_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert (pictures.resize(pixels, 32) == pixels).all()
    plane = Image.fromarray(pixels[..., 1].astype(np.float32)).resize((20, 20), Image.Resampling.BICUBIC)
    assert np.allclose(pictures.resize(pixels, 20)[..., 1], np.clip(np.asarray(plane), 0, 255))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "a.json",
            '{"cat": "a cat", "dog": {"prompt": "a dog", "adapter_strength": 1}}',
            {"cat": "a cat", "dog": "a dog"},
        ),
        ("a.jsonl", '{"id": "cat", "prompt": "a cat"}\n', {"cat": "a cat"}),
        ("a.tsv", "Prompt\tCategory\na cat\tAnimals\n", {"p0000": "a cat"}),
    ],
)
def test_prompt_libraries_of_every_form(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    assert prompts.open_library(str(tmp_path / name)).prompts == expected


def test_a_library_without_prompts_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"cat": ""}')
    with pytest.raises(InputError, match="no prompt for cat"):
        prompts.open_library(str(tmp_path / "a.json"))


def test_prompts_without_a_picture_and_the_reverse_are_named():
    library = prompts.Library(name="x", prompts={"cat": "a cat", "dog": "a dog"})
    matched = prompts.match((pictures.Entry(id="1", image="1.png", prompt="a cat"),), library)
    with pytest.raises(InputError, match=r"1 prompts have no picture: dog \(--allow-missing"):
        prompts.require_all(matched, allow_missing=False)
    prompts.require_all(matched, allow_missing=True)
    stranger = prompts.match((pictures.Entry(id="1", image="1.png", prompt="a cow"),), library)
    assert stranger.without_prompt == ["1.png"]


def written_zip(path, name, data, *, change=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", png(np.zeros((4, 4, 3), np.uint8)))
        archive.writestr(name, data)
    if change:
        path.write_bytes(change(path.read_bytes()))
    return path


def test_a_zip_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "LARGEST_FILE", 1 << 20)
    opened = open_set(str(written_zip(tmp_path / "bomb.zip", "b.png", bytes(50 << 20))))
    with pytest.raises(InputError, match=r"b.png cannot be read as a picture .*52,428,800 bytes.*1 of 2"):
        opened.decode(1)
    left = open_set(str(tmp_path / "bomb.zip"), skip_unreadable=True)
    assert [one.image for one in left.entries] == ["a.png"] and left.skipped == ("b.png",)


@pytest.mark.parametrize("damage", ["content", "encrypted"])
def test_a_member_that_cannot_be_unpacked_is_named(tmp_path, damage):
    data = np.random.default_rng(0).bytes(3000)

    def change(whole):
        if damage == "content":
            return whole.replace(data[1000:1010], b"x" * 10)
        changed = bytearray(whole)
        for start in (i for i in range(len(changed)) if changed[i : i + 4] in (b"PK\x03\x04", b"PK\x01\x02")):
            changed[start + (6 if changed[start + 2] == 3 else 8)] |= 1  # the flag of encryption
        return bytes(changed)

    opened = open_set(str(written_zip(tmp_path / "x.zip", "b.png", data, change=change)))
    with pytest.raises(InputError, match=r"(a|b).png cannot be read as a picture"):
        opened.decode(1)


def test_links_that_lead_nowhere_pipes_and_devices_are_no_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    links = {"loop.png": tmp_path / "loop.png", "gone.png": "/nowhere", "zero.png": "/dev/zero", "around": tmp_path}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "pipe.png")
    assert [one.image for one in open_set(str(tmp_path)).entries] == ["a.png"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe", "cannot be read as JSON lines in UTF-8"), (b'{"image": "a.png", "seed": Infinity}', "whole numbers"),
     (b'{"image": "a\\u0000.png"}', "is not there"), (b'{"image": "a.png"}\n{"image": "a.png"}', "ids stand in several"),
     (b"[1]", 'a row needs "image"')],
)  # fmt: skip
def test_a_manifest_that_cannot_be_followed_is_named(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    (tmp_path / "manifest.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_set(str(tmp_path))


@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_are_no_picture_are_an_error_with_a_name_whatever_the_decoder_raises(seed):
    rng, said = np.random.default_rng(seed), set()
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(file, format=kind)
        for _ in range(60):
            spoiled = bytearray(file.getvalue())
            for place in rng.integers(len(spoiled), size=4):
                spoiled[place] = rng.integers(256)
            try:
                found = decode(bytes(spoiled[: rng.integers(len(spoiled) // 2, len(spoiled) + 1)]), "x.png")
            except InputError as error:
                said.add(str(error)[:35])
            else:
                assert found.pixels.ndim == 3 and found.pixels.dtype == np.uint8
    assert said == {"x.png cannot be read as a picture ("}

"""docs/arrays.md: its examples run, and print what their comments say."""

import pathlib
import re

import pytest

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "arrays.md"


def blocks():
    if not PAGE.is_file():
        pytest.skip("the page is not beside the tests")
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_numpy_examples(capsys):
    pytest.importorskip("numpy")
    names = {}
    for block in blocks():
        if "import cupy" not in block:
            exec(compile(block, str(PAGE), "exec"), names)
    printed = re.sub(r"\s+", " ", capsys.readouterr().out).replace("[ ", "[").replace(" ]", "]")
    for expected in ("[[-1. -0.5 0.] [1. 2. 3.]]", "[[0.5 0.5 0.5] [1. 1. 1.]] -3.0"):
        assert expected in re.sub(r" +", " ", printed)
    assert names["mask"].bytes.nbytes == 15 and names["x"].nbytes == 480


def test_texts_of_errors():
    """The page quotes them as they are; "..." stands for the rest."""
    blocks()  # skips if there is no page
    import numpy as np

    import rectify

    x = np.zeros((8, 3, 5), np.float32)
    raised = {}
    for name, call in {
        "list": lambda: rectify.forward([1.0]),
        "int64": lambda: rectify.forward(x.astype(np.int64)),
        ">f4": lambda: rectify.forward(x.astype(">f4")),
        "[-1]": lambda: rectify.forward(x[0, 0, ::-1]),
        "read-only": lambda: rectify.forward(x, out=np.broadcast_to(x, x.shape)),
        "shape [4]": lambda: rectify.forward(x, bias=np.zeros(4, np.float32)),
        "'channel'": lambda: rectify.backward(x, x=x, dbias="channel", accumulate=True),
        "(3, 8, 5)": lambda: rectify.forward(x, mask=rectify.empty_mask(x.swapaxes(0, 1))),
    }.items():
        with pytest.raises(rectify.Error) as error:
            call()
        raised[name] = str(error.value)
    page = PAGE.read_text()
    for name, text in raised.items():
        quoted = [cell for cell in re.findall(r"^\| `(.*?)` \|", page, re.MULTILINE) if name in cell]
        assert quoted, name
        assert all(part in text for part in quoted[0].split("...")), (quoted, text)

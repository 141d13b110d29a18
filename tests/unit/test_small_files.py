import pytest

from node.errors import OperatorError
from node.small_files import read_small


def test_a_file_is_read_up_to_its_bound(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 8)
    assert read_small(file, 8, hint="h") == b"x" * 8


def test_what_is_longer_or_cannot_be_read_is_refused_with_the_hint(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 8)
    for name, bytes_max, says in (("file", 7, "longer than 7 bytes"), ("nowhere", 7, "No such file"), ("", 7, "Is a")):
        with pytest.raises(OperatorError, match=says) as caught:
            read_small(tmp_path / name, bytes_max, hint="Give another.")
        assert caught.value.hint == "Give another."

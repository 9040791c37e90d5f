"""Files of class names as they circulate: each read in the network's order, or refused with its reason."""

import csv
import io
import json
import os
import threading
import time

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from unitdrop.errors import ModelError
from unitdrop.models.labels import MAX_LABEL_BYTES, MOST_LINES, read_labels
from unitdrop.notices import listening

THREE = ("tench", "goldfish", "great white shark, white shark")


def read(folder, text, name="labels.txt"):
    """The names in a file of this text, and what was said on the way."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    (folder / name).write_bytes(data)
    heard = []
    with listening(heard.append):
        return read_labels(folder / name), " ".join(heard)


# What is certain, and needs no word --------------------------------------------------------------


CERTAIN = {
    "a name a line": "tench\ngoldfish\ngreat white shark, white shark\n",
    "windows": "\ufefftench\r\ngoldfish\r\ngreat white shark, white shark\r\n\r\n",
    "old mac": "tench\rgoldfish\rgreat white shark, white shark\r",
    "spaces around": "  tench \ngoldfish\t\n great white shark, white shark\n\n \n",
    "utf-16": "\ufefftench\ngoldfish\ngreat white shark, white shark\n".encode("utf-16-le"),
    "utf-16, big end": "\ufefftench\ngoldfish\ngreat white shark, white shark\n".encode("utf-16-be"),
    "json": json.dumps(THREE),
    "json, a name a line": '["tench",\n"goldfish",\n"great white shark, white shark"]\n',
    "json, indented": json.dumps(THREE, indent=4),
    "json after a mark": "\ufeff" + json.dumps(THREE),
    "json map": json.dumps({str(i): name for i, name in enumerate(THREE)}),
    "json map in no order": json.dumps({str(i): THREE[i] for i in (2, 0, 1)}),
    "json map to the index": json.dumps({THREE[i]: i for i in (1, 2, 0)}),
    "python list": repr(list(THREE)),
    "python tuple": repr(THREE),
    "python map": "{0: 'tench',\n 1: \"goldfish\",\n 2: 'great white shark, white shark',\n}",
    "python 2 map": "{2: u'great white shark, white shark', 0: u'tench', 1: u'goldfish'}",
    "comma at the end": "['tench', 'goldfish',\n # the last one\n 'great white shark, white shark',]",
}


@pytest.mark.parametrize("text", CERTAIN.values(), ids=CERTAIN)
def test_what_is_certain_is_read_without_a_word(tmp_path, text):
    assert read(tmp_path, text) == (THREE, "")


YAML = {
    "list": "- tench\n- goldfish\n- 'great white shark, white shark'\n",
    "map": "0: tench\n1: goldfish  # gold\n2: great white shark, white shark\n",
    "map in no order": "2: great white shark, white shark\n0: tench\n1: goldfish\n",
    "map to the index": "tench: 0\ngoldfish: 1\ngreat white shark, white shark: 2\n",
}


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_yaml_that_is_nothing_but_the_names_is_read_without_a_word(tmp_path, text):
    assert read(tmp_path, text, "names.yaml") == (THREE, "")


# What was guessed or left out, and is said -------------------------------------------------------


SAID = {
    "index": ("0 tench\n1 goldfish\n2 hen", "before the names were used as the index"),
    "index in no order": ("2 hen\n0 tench\n1 goldfish", "sorted by it"),
    "colons": ("0: tench\n1: goldfish\n2: hen", "used as the index"),
    "tight colons": ("0:tench\n1:goldfish\n2:hen", "used as the index"),
    "quotes": ("0: 'tench'\n1: 'goldfish'\n2: 'hen'", "read as those of a map in Python"),
    "inside of a map": ("'hen': 2,\n'tench': 0,\n'goldfish': 1,", "read as those of a map in Python"),
    "starred lines": ("* tench\n* goldfish\n* hen", "the dashes or stars before the names"),
    "ids in no order": ("n00000002 tench\nn00000001 goldfish\nn00000003 hen", "ids do not ascend"),
    "dots": ("0. tench\n1. goldfish\n2. hen", "used as the index"),
    "brackets": ("[0] tench\n[1] goldfish\n[2] hen", "used as the index"),
    "arrows": ("tench -> 0\ngoldfish -> 1\nhen -> 2", "behind the names"),
    "dashes": ("0 - tench\n1 - goldfish\n2 - hen", "used as the index"),
    "class": ("class 2: hen\nclass 0: tench\nclass 1: goldfish", "used as the index"),
    "zeros before": ("000 tench\n001 goldfish\n002 hen", "used as the index"),
    "behind": ("hen 2\ntench 0\ngoldfish 1", "behind the names were used as the index"),
    "from one": ("1 tench\n2 goldfish\n3 hen", "counts from 1: the one with 1 is class 0"),
    "from one in no order": ("3: hen\n1: tench\n2: goldfish", "counts from 1"),
    "places": ("/g/goldfish 1\n/h/hen 2\n/t/tench 0", "'/a/' and the like before them were left out"),
    "wordnet": ("n01440764 tench\nn01443537 goldfish\nn01514668 hen", "WordNet ids were left out"),
    "wordnet and tab": ("n01440764\ttench\nn01443537\tgoldfish\nn01514668\then", "column 1 was left out"),
    "wordnet behind": ("tench n01440764\ngoldfish n01443537\nhen n01514668", "WordNet ids were left out"),
    "id and index": ("n01514668 2 hen\nn01440764 0 tench\nn01443537 1 goldfish", "ids were left out"),
    "index and id": ("0 n01440764 tench\n1 n01443537 goldfish\n2 n01514668 hen", "WordNet ids were left out"),
    "comment": ("# three\ntench\ngoldfish\n# birds\nhen", "lines that begin with # were left out: 2"),
    "quoted lines": ('"tench",\n"goldfish",\n"hen"', "the quotes around the names were left out"),
    "dashed lines": ("- tench\n- goldfish\n- hen", "the dashes or stars before the names"),
    "keras": (
        '{"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench"], "2": ["n01514668", "hen"]}',
        "column 1 was left out",
    ),
    "short ids": (
        '{"0": ["n0", "tench"], "1": ["n1", "goldfish"], "2": ["n2", "hen"]}',
        "column 1 was left out",
    ),
    "short ids in lines": ("n0 tench\nn1 goldfish\nn2 hen", "WordNet ids were left out"),
    "synsets": (
        "{0: {'id': '1-n', 'label': 'tench', 'uri': ''},\n 1: {'id': '2-n', 'label': 'goldfish', 'uri': ''},"
        "\n 2: {'id': '3-n', 'label': 'hen', 'uri': ''}}",
        "the names are those of column 'label'",
    ),
    "config": (
        json.dumps({"model_type": "x", "id2label": {"0": "tench", "1": "goldfish", "2": "hen"}}),
        "the names are those under 'id2label'",
    ),
    "records": (
        '[{"id": 2, "name": "hen"}, {"id": 0, "name": "tench"}, {"id": 1, "name": "goldfish"}]',
        "column 'id' was used as the index, and the names are sorted by it",
    ),
    "a record a line": (
        '{"id": 0, "name": "tench"}\n{"id": 1, "name": "goldfish"}\n{"id": 2, "name": "hen"}',
        "column 'id' was used as the index",
    ),
    "assigned": ("CLASSES = ('tench',\n  'goldfish', 'hen')\n", "'CLASSES =' was left out"),
    "ultralytics": (
        "# data\npath: ../set  # root\nnc: 3\nnames:\n  0: tench\n  1: goldfish\n  2: hen\n\nx: 1",
        "the names are those under 'names'",
    ),
    "records by index": (
        '{"0": {"name": "tench", "of": 3}, "1": {"name": "goldfish", "of": 1},'
        ' "2": {"name": "hen", "of": 2}}',
        "column 'of' was left out",
    ),
    "rows by index": ('{"2": ["hen", 0], "0": ["tench", 2], "1": ["goldfish", 1]}', "column 2 was left out"),
    "capitals": ("Names:\n  - tench\n  - goldfish\n  - hen", "under 'names'"),
    "words of yaml": ("names: [tench, goldfish , hen]", "under 'names'"),
    "quoted keys": ("names:\n  '0': tench\n  '1': goldfish\n  '2': hen", "under 'names'"),
    "list below": ("nc: 3\nnames:\n- tench\n- goldfish\n- hen\nval: x", "under 'names'"),
    "list beside": ("nc: 3\nnames: [tench, 'goldfish', hen]  # three\nval: x", "under 'names'"),
    "list over lines": ("names: ['tench',\n   'goldfish', # two\n 'hen']\nnc: 3", "under 'names'"),
}


@pytest.mark.parametrize(("text", "words"), SAID.values(), ids=SAID)
def test_what_was_guessed_or_left_out_is_said(tmp_path, text, words):
    names, said = read(tmp_path, text)
    assert names == ("tench", "goldfish", "hen")
    assert words in said and "class 0 is 'tench', the last 'hen'" in said and "labels.txt" in said


TABLES = {
    "header": "index,name\n2,hen\n0,tench\n1,goldfish",
    "name first": "name,index\nhen,2\ntench,0\ngoldfish,1",
    "no header": "2,hen\n0,tench\n1,goldfish",
    "no header, name first": "hen,2\ntench,0\ngoldfish,1",
    "semicolons": "class_id;class_name\n0;tench\n1;goldfish\n2;hen",
    "tabs": "0\ttench\n1\tgoldfish\n2\then",
    "excel": "sep=;\n0;tench\n1;goldfish\n2;hen",
    "series of pandas": ",0\n0,tench\n1,goldfish\n2,hen",
    "frame of pandas": ",id,name\n0,2,hen\n1,0,tench\n2,1,goldfish",
    "more columns": "wnid,index,count,name,kind\nn01514668,2,5,hen,bird\nn01440764,0,9,tench,fish\n"
    "n01443537,1,9,goldfish,fish",
    "more without header": "0,n01440764,tench\n1,n01443537,goldfish\n2,n01514668,hen",
    "quotes": '"index","name"\n"0","tench"\n"1","goldfish"\n"2","hen"',
    "spaces": "index, name\n0, tench\n1, goldfish\n2, hen",
    "floats": "index,name\n2.0,hen\n0.0,tench\n1.0,goldfish",
    "empty cells": "index,name,\n2,hen,\n0,tench,\n1,goldfish,\n,,\n",
    "a count": "name,count\ntench,1\ngoldfish,2\nhen,3",
    "index beside a count": "count,name,index\n1,hen,2\n3,tench,0\n2,goldfish,1",
    "signs": "ClassId,SignName\n0,tench\n1,goldfish\n2,hen",
    "ids and names": "n01440764,tench\nn01443537,goldfish\nn01514668,hen",
    "names and kinds": "name,kind\ntench,fish\ngoldfish,fish\nhen,bird",
    "a column": "class_name\ntench\ngoldfish\nhen",
}


@pytest.mark.parametrize("ending", ["csv", "txt", "tsv"])
@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_a_table_is_read_whatever_the_order_of_its_columns(tmp_path, text, ending):
    if ending == "txt" and text.startswith(("name,kind", "class_name", "sep=")):
        return  # in a plain text, these may be names
    names, said = read(tmp_path, text, f"labels.{ending}")
    assert names == ("tench", "goldfish", "hen") and "class 0 is 'tench'" in said


def test_commas_inside_a_name_are_kept_with_and_without_quotes(tmp_path):
    for text in (
        'index,name\n0,"tench, Tinca tinca"\n1,"hen"\n2,"owl, bird, wise"',
        "index,name\n0,tench, Tinca tinca\n1,hen\n2,owl, bird, wise",
        "0,tench, Tinca tinca\n1,hen\n2,owl, bird, wise",
        '"tench, Tinca tinca",0\nhen,1\n"owl, bird, wise",2',
        'name\n"tench, Tinca tinca"\nhen\n"owl, bird, wise"',
        "n01440764 tench, Tinca tinca\nn01514668 hen\nn01514669 owl, bird, wise",
    ):
        names, _ = read(tmp_path, text, "labels.csv")
        assert names == ("tench, Tinca tinca", "hen", "owl, bird, wise")


# Names that look like something else ---------------------------------------------------------------


AS_THEY_STAND = {
    "commas": "great white shark, white shark\ntiger shark, Galeocerdo\nray, Raja",
    "as many commas": "a, b\nc, d",
    "numbers at the end": "Boeing 747\nBoeing 737\nAirbus 320",
    "numbers in front": "2 door car\n4 door car\nbus",
    "only numbers in front": "2 door car\n4 door car",
    "number and comma": "747, Boeing\n737, Boeing\n320, Airbus",
    "coins": "1 euro\n2 euro\n1 cent\n2 cent\n5 cent",
    "things": "thing 0\nthing 1\nthing 2",
    "digits": "0\n1\n2\n3\n4\n5\n6\n7\n8\n9",
    "digits in no order": "3\n1\n7\n0\n2\n9\n4\n5\n8\n6",
    "ids": "n01440764\nn01443537",
    "hash": "#1 dad\n#hashtag",
    "brackets": "[background]\ncat\n(other)",
    "faces": "rock 'n' roll :)\nl'eau :(\na = b)",
    "colons": "genre: rock\ngenre: pop",
    "apostrophes": "rock 'n' roll\nl'eau\n6\" pipe",
    "unicode": "丁鲷\nKäfer\nนก",
    "indices of ours": "crane (134)\ncrane (517)",
    "other breaks": "a\x0bb\x0cc\nd\u2028e\nf\x85g",
    "truth values": "no\nyes\nnull\n1e3",
}


@pytest.mark.parametrize("text", AS_THEY_STAND.values(), ids=AS_THEY_STAND)
def test_names_that_look_like_something_else_stay_as_they_stand(tmp_path, text):
    assert read(tmp_path, text) == (tuple(text.split("\n")), "")


def test_digits_that_are_names_may_have_an_index_of_their_own(tmp_path):
    assert read(tmp_path, '{"0": 0, "1": 1, "10": 2, "2": 3}')[0] == ("0", "1", "10", "2")
    assert read(tmp_path, "index,name\n0,7\n1,3\n2,9")[0] == ("7", "3", "9")
    assert read(tmp_path, "[7, 3, 9]")[0] == ("7", "3", "9")
    assert read(tmp_path, "0 Class 1\n1 Class 2")[0] == ("Class 1", "Class 2")


# What is not sure ---------------------------------------------------------------------------------


REFUSED = {
    "gap": ("0 tench\n1 goldfish\n3 owl", "no class has the index 2; line 3 goes on with 3"),
    "twice": ("0 tench\n1 goldfish\n1 owl", "line 3 has the index 1, as line 2 has"),
    "one without": ("0 tench\n1 goldfish\nowl\n3 hen", "line 3 has no index"),
    "gap in a table": ("0,tench\n2,owl", "no class has the index 1; line 2 goes on with 2"),
    "gap below a header": ("index,name\n0,tench\n2,owl", "no class has the index 1; line 3"),
    "far away": ("id,name\n5,a\n6,b", "counts from 5"),
    "gap in a map": ('{"0": "a", "1": "b", "3": "c"}', "no class has the index 2; entry 3"),
    "gap in a map to the index": ('{"a": 0, "b": 1, "c": 3}', "no class has the index 2; entry 3"),
    "a key twice": ('{"0": "a", "0": "b"}', "the key '0' occurs twice"),
    "two orders": ("0 1\n1 0", "the numbers at both ends"),
    "two orders in a table": ("0,a,1\n1,b,0", "could both be the index"),
    "two orders in a map": ('{"0": 1, "1": 0}', "which are the index is not sure"),
    "an index that is none": ("index,name\n-1,a\n0,b", "column 'index' does not hold the numbers 0 to 1"),
    "a count in no order": ("name,count\na,2\nb,1", "whether column 'count' is the index is not sure"),
    "two columns of one name": ("index,name,name\n0,a,x\n1,b,y", "two columns are headed 'name'"),
    "python call": ("OrderedDict([(0, 'a'),\n (1, 'b')])", "line 1 is no name"),
    "comment of javascript": ('// names\n["a", "b"]', "line 2 is no name"),
    "part of a list": ("names = [\n'a',\n'b'", "it is cut"),
    "digits beside ids": ("0,n1,7\n1,n2,12", "all columns hold numbers or ids"),
    "two columns": ("0,a,x\n1,b,y", "could both be the names"),
    "two columns with a tab": ("a\tx\nb\ty", "could both be the names"),
    "from one in no order": ("2 a\n1 b\n3 c", "count from 1, and are in no order"),
    "mixed marks": ("0: a\n1 b\n2: c", "line 2 parts the index from the name otherwise than line 1"),
    "no name behind the index": ("0,tench\n1,\n2,owl", "line 2 has no name"),
    "most have an id": ("n01440764 tench\nn01443537 goldfish\nhen", "WordNet id, but not all"),
    "empty line": ("tench\n\nhen", "line 2 is empty"),
    "empty first line": ("\ntench", "line 1 is empty"),
    "empty": ("", "it is empty"),
    "only blank": ("\n \n", "it is empty"),
    "empty list": ("[]", "it holds no names"),
    "empty name": ('["a", ""]', "entry 2 is empty"),
    "null": ('["a", null]', "entry 2 is a null"),
    "float": ('["a", 1.5]', "entry 2 is a float"),
    "true": ("[true]", "entry 1 is a bool"),
    "nan": ("[NaN, 1]", "is a float"),
    "uneven": ('[["n1", "a"], ["n2"]]', "entry 2 has 1 parts, entry 1 has 2"),
    "cut": ("['a', 'b'", "it is cut"),
    "cut list of lines": ('["tench",\n"goldfish",', "it is cut"),
    "comma lost": ("['a' 'b']", "a comma is missing"),
    "set": ("{'a', 'b'}", "a set has no order"),
    "something behind": ("['a'] + ['b']", "something follows its list"),
    "code": ("[__import__('os').system('true')]", "no text or whole number"),
    "f-string": ("[f'{1}']", "no text or whole number"),
    "bytes": ("[b'a']", "no text or whole number"),
    "map of others": ('{"a": "x", "b": "y"}', "are no index"),
    "anchor": ("names: &x\n  - a", "more than a plain name"),
    "alias": ("names:\n  - *x", "more than a plain name"),
    "block text": ("names:\n  - |\n    a", "more than a plain name"),
    "deeper": ("names:\n  - a\n    - b", "indented otherwise"),
    "map in a list": ("names:\n  - id: 0\n  - id: 1", "more than a plain name"),
    "gap in yaml": ("names:\n  0: a\n  2: b", "no class has the index 1"),
    "label map": ("item {\n  id: 1\n}", "line 1 is no name"),
    "page": ("<!DOCTYPE html>\n<html>", "it is a document"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_surely_is_refused_with_its_first_line(tmp_path, text, words):
    with pytest.raises(ModelError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert words in message and "expected one class name a line" in message
    first = text.strip("\n").split("\n")[0].replace("\t", " ") if text.strip() else ""
    assert f"Its first line is {first!r}" in message


NO_TEXT = {
    "latin-1": ("tench\nK\xe4fer".encode("latin-1"), "is no UTF-8 text (line 2); save it as UTF-8"),
    "utf-16 without a mark": ("a\nb".encode("utf-16-le"), "is no text"),
    "half of utf-16": (b"\xff\xfea\x00b", "is no UTF-8 text"),
    "zip": (b"PK\x03\x04\x80\x81", "is no UTF-8 text"),
    "large": (b"a" * (MAX_LABEL_BYTES + 1), "larger than 10 MB"),
    "lines": (b"\n" * MOST_LINES + b"\na", "more than 100000 lines"),
}


@pytest.mark.parametrize(("data", "words"), NO_TEXT.values(), ids=NO_TEXT)
def test_what_is_no_text_is_refused(tmp_path, data, words):
    with pytest.raises(ModelError) as caught:
        read(tmp_path, data)
    assert words in str(caught.value) and "one class name a line" in str(caught.value)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        read_labels(tmp_path / "gone.txt")
    with pytest.raises(ModelError, match="it is a folder"):
        read_labels(tmp_path)
    with pytest.raises(ModelError, match=r"no such file|null"):
        read_labels("a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        reading = threading.Thread(target=pytest.raises, args=(ModelError, read_labels, tmp_path / "pipe"))
        reading.start()
        reading.join(30)
        assert not reading.is_alive(), "it waits for a writer"
        with pytest.raises(ModelError, match="no regular file"):
            read_labels(os.devnull)


def test_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "names.txt").write_text("cat\ndog")
    assert read_labels("~/names.txt") == ("cat", "dog")
    with pytest.raises(ModelError, match="labels: "):
        read_labels("~nobody-of-this-name/names.txt")


# Of any names ------------------------------------------------------------------------------------


NAMES = st.lists(
    st.text("abcXYZ ,;'\"\\/#:-[]{}()é\u4e01", min_size=1).map(str.strip).filter(bool), min_size=1
)


@given(NAMES, st.randoms())
def test_what_is_written_by_json_or_repr_comes_back_in_any_order(tmp_path_factory, names, chance):
    folder = tmp_path_factory.getbasetemp()
    order = list(range(len(names)))
    chance.shuffle(order)
    for text in (
        json.dumps(names),
        json.dumps(names, indent=1, ensure_ascii=False),
        repr(names),
        json.dumps({str(i): names[i] for i in order}),
        "{" + ",\n ".join(f"{i}: {names[i]!r}" for i in order) + "}",
        "names:\n" + "".join(f"  {i}: {json.dumps(names[i])}\n" for i in order),
        "names:\n" + "".join(f"  - {json.dumps(name)}\n" for name in names),
    ):
        assert read(folder, text)[0] == tuple(names)


@example('""')
@given(st.text(max_size=60) | st.text("0123456789 ,:;\t\n'\"[]{}#-n.abc", max_size=80))
def test_any_text_gives_names_or_a_reason(tmp_path_factory, text):
    for ending in ("txt", "csv", "yaml"):
        try:
            names, _ = read(tmp_path_factory.getbasetemp(), text, f"any.{ending}")
        except ModelError:
            continue
        assert names and all(name and name == name.strip() for name in names)


MB = 9_900_000
HOSTILE = {
    "nested": "[" * MB,
    "nested a little": "[" * 300_000,
    "nested maps": '{"a":' * 100_000,
    "empty maps": "[" + "{}," * (MB // 3) + "{}]",
    "numbers": "[" + "0," * (MB // 2) + "0]",
    "a long number": "[" + "9" * MB + "]",
    "a long text": "['" + "a" * MB,
    "backslashes": "['" + "\\" * MB,
    "spaces": "[" + " " * MB + "x",
    "spaces in lines": ("a" + " " * 1000 + "b\n") * 9000,
    "commas": "a," * (MB // 2),
    "quotes": '"' * MB,
    "minus": "[" + "-" * MB,
    "aliases": "a: &a ['x']\n" + "".join(f"a{i}: [*a,*a,*a]\n" for i in range(99_000)),
    "yaml": "names:\n" + "  - a\n" * 99_000,
    "yaml lists": "names: [" + "[" * 500_000,
    "comments": "[" + "# \n" * 99_000,
    "indices": "".join(f"{i} a{i}\n" for i in range(99_000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_of_10_mb_end_soon(tmp_path, text):
    begin = time.process_time()
    try:
        read(tmp_path, text, "labels.yaml" if text.startswith(("names:", "a: &")) else "labels.txt")
    except ModelError as error:
        assert len(str(error)) < 1000
    assert time.process_time() - begin < 10


# Never in a wrong order ---------------------------------------------------------------------------


REAL = (
    "tench",
    "great white shark, white shark",
    "Boeing 747",
    "2 door car",
    "747, Boeing",
    "7",
    "12",
    '6" pipe',
)
REAL += (
    "rock 'n' roll",
    '"quoted"',
    "a: b",
    "semi;colon",
    "tab\tbed",
    "(other)",
    "#1 dad",
    "l'eau",
    "30 km/h, wet",
)
REAL += (
    "n01440764",
    "Class 1",
    "crane (134)",
    "null",
    "yes",
    "1 - one",
    "été",
    "丁鲷",
    "no.5",
    "50% off",
    "-",
    "x,",
)


def bare(names):
    """The names without quotes around them."""
    return [name.strip("'\"") for name in names]


def lines_of(names, order, mark, behind):
    """A line a name, the index at one end."""
    return "\n".join(f"{names[i]}{mark}{i}" if behind else f"{i}{mark}{names[i]}" for i in order)


def table_of(names, order, mark, columns, header, chance):
    """A table as Python's csv writes it, with the index, the names and ids in some order."""
    cells = {"index": str, "name": names.__getitem__, "wnid": lambda i: f"n{chance.randrange(10**8):08}"}
    text = io.StringIO()
    rows = csv.writer(text, delimiter=mark, lineterminator="\n")
    rows.writerows([columns] * header)
    rows.writerows([cells[column](i) for column in columns] for i in order)
    return text.getvalue()


@settings(max_examples=1000 if os.environ.get("UNITDROP_SLOW") == "1" else 150)
@given(st.lists(st.sampled_from(REAL), min_size=3, max_size=8, unique=True), st.randoms(), st.data())
def test_real_names_with_an_index_come_in_its_order_or_not_at_all(tmp_path_factory, names, chance, data):
    order = data.draw(st.permutations(range(len(names))))
    mark, ending = data.draw(st.sampled_from([" ", ": ", ",", ", ", "\t", ";", " - ", ". "])), "txt"
    if data.draw(st.booleans()):
        text = lines_of(names, order, mark, behind=mark != ". " and data.draw(st.booleans()))
    else:
        columns = data.draw(st.permutations(["index", "name", "wnid"]))[: data.draw(st.integers(2, 3))]
        ending = data.draw(st.sampled_from(["csv", "txt", "tsv"]))
        assume({"index", "name"} <= set(columns))
        text = table_of(names, order, mark.strip(" .-:") or ",", columns, data.draw(st.booleans()), chance)
    try:
        told, said = read(tmp_path_factory.getbasetemp(), text, f"real.{ending}")
    except ModelError as error:
        event(str(error).partition("real.")[2][:60])
        return
    assert said and bare(told) == bare(names)
    event("read")


@given(st.lists(st.sampled_from(REAL), min_size=2, max_size=8))
def test_real_names_a_line_stay_as_they_stand_or_are_refused(tmp_path_factory, names):
    try:
        told, _ = read(tmp_path_factory.getbasetemp(), "\n".join(names))
    except ModelError:
        return
    assert bare(told) == bare(names)

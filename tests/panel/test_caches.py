"""What was computed last is kept, as much of it as there is room for."""

from unitdrop.panel.caches import RecentCache


def test_what_is_put_again_is_the_most_recent():
    cache = RecentCache(2)
    for key in ("a", "b", "a", "c"):
        cache.put(key, key)
    assert "a" in cache and "b" not in cache and "c" in cache


def test_the_last_value_stays_whatever_it_weighs():
    cache = RecentCache(3, len)
    assert cache.recall("short", lambda key: "ab") == "ab"
    assert cache.recall("long", lambda key: "abcdef") == "abcdef"
    assert "short" not in cache and "long" in cache

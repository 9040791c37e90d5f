"""Files of weights from the network, whole and unaltered or not at all: `Remote`, `fetch`."""

from unitdrop.download.fetch import Progress, Remote, cache_folder, fetch, hub_folder

__all__ = ["Progress", "Remote", "cache_folder", "fetch", "hub_folder"]

"""Files of weights from the network, whole and unaltered or not at all: `Remote`, `fetch`."""

from unitdrop.download.fetching import fetch
from unitdrop.download.progress import Progress
from unitdrop.download.remote import Remote, cache_folder, hub_folder

__all__ = ["Progress", "Remote", "cache_folder", "fetch", "hub_folder"]

# The public names, and where each lives. This is the one list of them: `__init__.py` reads it at run time,
# and type checkers and editors take it as it is.

from unitdrop.drawing import SweepFigure as SweepFigure
from unitdrop.errors import CheckpointError as CheckpointError
from unitdrop.errors import DownloadError as DownloadError
from unitdrop.errors import ExportError as ExportError
from unitdrop.errors import ImageError as ImageError
from unitdrop.errors import ModelError as ModelError
from unitdrop.errors import ReadoutError as ReadoutError
from unitdrop.errors import TargetError as TargetError
from unitdrop.export import safe_name as safe_name
from unitdrop.export import save_csv as save_csv
from unitdrop.export import save_gif as save_gif
from unitdrop.export import save_png as save_png
from unitdrop.images import load_image as load_image
from unitdrop.models import Model as Model
from unitdrop.models import catalogue as catalogue
from unitdrop.models import load_checkpoint as load_checkpoint
from unitdrop.models import load_model as load_model
from unitdrop.models import wrap as wrap
from unitdrop.panel import Panel as Panel
from unitdrop.plan import View as View
from unitdrop.readout import Readout as Readout
from unitdrop.sweep import RANKINGS as RANKINGS
from unitdrop.sweep import SCOPES as SCOPES
from unitdrop.sweep import Flip as Flip
from unitdrop.sweep import SmallestFlip as SmallestFlip
from unitdrop.sweep import Sweep as Sweep
from unitdrop.sweep import rank_units as rank_units

__version__: str

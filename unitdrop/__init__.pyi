# The public names, and where each lives. This is the one list of them: `__init__.py` reads it at run time,
# and type checkers and editors take it as it is.

from .drawing import SweepFigure as SweepFigure
from .errors import CheckpointError as CheckpointError
from .errors import DownloadError as DownloadError
from .errors import ExportError as ExportError
from .errors import ImageError as ImageError
from .errors import ModelError as ModelError
from .errors import ReadoutError as ReadoutError
from .errors import TargetError as TargetError
from .export import safe_name as safe_name
from .export import save_csv as save_csv
from .export import save_gif as save_gif
from .export import save_png as save_png
from .images import load_image as load_image
from .models import Model as Model
from .models import catalogue as catalogue
from .models import load_checkpoint as load_checkpoint
from .models import load_model as load_model
from .models import wrap as wrap
from .panel import Panel as Panel
from .plan import View as View
from .readout import Readout as Readout
from .sweep import RANKINGS as RANKINGS
from .sweep import SCOPES as SCOPES
from .sweep import Flip as Flip
from .sweep import SmallestFlip as SmallestFlip
from .sweep import Sweep as Sweep
from .sweep import rank_units as rank_units

__version__: str

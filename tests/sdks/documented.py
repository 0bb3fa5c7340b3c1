"""What docs/sdks.md has an app write beside the line of `sdk_setup`, run as it stands there."""

import re
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).parents[2] / "docs/sdks.md"
_names: dict[str, Any] = {}
for _code in re.findall(r"```python file=\S+\n(.*?)```", _PAGE.read_text(), re.DOTALL):
    exec(_code, _names)

through = _names["through"]

"""What certificates shows to people."""

from pathlib import Path

FOLDER = Path(__file__).parent

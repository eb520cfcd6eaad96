"""Google Gemini: pictures made and edited over many turns, and questions about them, through google-genai.

The SDK is imported on first use only (about a second).
"""

from __future__ import annotations

from notebook_img.providers.gemini.provider import GeminiProvider

__all__ = ["GeminiProvider"]

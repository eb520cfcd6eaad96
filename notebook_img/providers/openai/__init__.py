"""OpenAI, and every server that speaks its protocol: ollama, lmstudio, vllm, openrouter, zhipu, ``VISION_*`` and endpoints of one's own."""

from notebook_img.providers.openai.provider import (
    CompatibleProvider,
    LMStudioProvider,
    OllamaProvider,
    OpenAIProvider,
    OpenRouterProvider,
    VisionProvider,
    VLLMProvider,
    ZhipuProvider,
    own_names,
    own_provider,
    own_services,
)

__all__ = [
    "CompatibleProvider",
    "LMStudioProvider",
    "OllamaProvider",
    "OpenAIProvider",
    "OpenRouterProvider",
    "VLLMProvider",
    "VisionProvider",
    "ZhipuProvider",
    "own_names",
    "own_provider",
    "own_services",
]

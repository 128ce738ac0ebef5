"""Whatever speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp's server, LiteLLM; by OpenAI's library."""

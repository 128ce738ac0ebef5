"""Models that an Ollama daemon serves, or Ollama's cloud: chat with tools, embeddings, pulling a missing model.

One call is one request. What Ollama does silently (cutting a prompt that is too long) is looked for and refused.
"""

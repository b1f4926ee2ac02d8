"""The same model behind other servers, each as its own documentation would have it."""

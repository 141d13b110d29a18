"""gRPC services and clients, authenticated by node keys."""

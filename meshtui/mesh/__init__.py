"""What the mesh is: pure facts, read from Kubernetes and Istio objects."""

"""The lab's control plane: Istio's objects in, Envoy's resources out, shaped as istiod does."""

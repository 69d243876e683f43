"""The lab's control plane: Istio and Kubernetes objects in, Envoy resources out, as istiod shapes them."""

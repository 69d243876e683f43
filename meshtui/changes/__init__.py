"""What an operator can do: each verb turns a mesh and arguments into a Change."""

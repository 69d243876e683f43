"""The lab's pods: real Envoys, small applications behind them, and the load that flows through."""

"""Judgements about the mesh: what is wrong with it as it is written, and what its errors mean."""

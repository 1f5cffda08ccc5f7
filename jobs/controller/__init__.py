"""The top floor: turns specs into a graph, a graph into Jobs, and Jobs into a verdict.

It imports the rooms' specs, never their work.
"""

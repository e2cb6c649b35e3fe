"""Differential equations: the default subject, and everything that knows them."""

from lbt_core.subjects.ode.subject import OdeSubject

subject = OdeSubject()

__all__ = ["OdeSubject", "subject"]

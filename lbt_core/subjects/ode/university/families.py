"""All families in the order of the book."""

from lbt_core.subjects.ode.university import (
    autonomous,
    boundary,
    constant_coefficients,
    exact,
    laplace,
    linear,
    mechanics,
    modelling,
    nonhomogeneous,
    orthogonal,
    pde,
    power_series,
    separable,
    substitution,
    systems,
    variable_coefficients,
)
from lbt_core.subjects.ode.university.family import Family

MODULES = (
    separable,
    linear,
    exact,
    substitution,
    autonomous,
    orthogonal,
    modelling,
    mechanics,
    constant_coefficients,
    nonhomogeneous,
    variable_coefficients,
    laplace,
    systems,
    power_series,
    boundary,
    pde,
)
FAMILIES: tuple[Family, ...] = tuple(f for module in MODULES for f in module.registry.families)

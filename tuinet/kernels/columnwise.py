"""Loops down columns: sums over the rows, and what is done to every row with numbers of its columns.

Called as Python they are NumPy; inside a compiled kernel they are those of engine/columnwise.py. What they give for a
column does not depend on those beside it. Every array is read from so many numbers behind its first, its "at".
"""

from __future__ import annotations

from .blas import matrix_of


def add(x, x_at, x_line, s, s_at, rows, columns):
    """s += the sum of so many rows of x."""
    s[s_at : s_at + columns] += lines(x, x_at, x_line, rows, columns).sum(0)


def add_products(u, u_at, u_line, v, v_at, v_line, s, s_at, rows, columns):
    """s += the sum of u v over the rows."""
    both = lines(u, u_at, u_line, rows, columns) * lines(v, v_at, v_line, rows, columns)
    s[s_at : s_at + columns] += both.sum(0)


def add_squares(x, x_at, x_line, m, m_at, s, s_at, rows, columns):
    """s += the sum of (x - m)^2 over the rows."""
    away = lines(x, x_at, x_line, rows, columns) - m[m_at : m_at + columns]
    s[s_at : s_at + columns] += (away * away).sum(0)


def add_shares(x, x_at, x_line, m, m_at, d, d_at, d_line, s, s_at, t, t_at, rows, columns):
    """s += the sum of (x - m) d, and t += that of d."""
    away = lines(x, x_at, x_line, rows, columns) - m[m_at : m_at + columns]
    gradient = lines(d, d_at, d_line, rows, columns)
    s[s_at : s_at + columns] += (away * gradient).sum(0)
    t[t_at : t_at + columns] += gradient.sum(0)


def scale(x, x_at, x_line, m, m_at, r, r_at, g, g_at, b, b_at, y, y_at, y_line, rows, columns):
    """y = g (x - m) r + b."""
    middle, spread, gain, offset = (
        each[at : at + columns] for each, at in ((m, m_at), (r, r_at), (g, g_at), (b, b_at))
    )
    away = lines(x, x_at, x_line, rows, columns) - middle
    lines(y, y_at, y_line, rows, columns)[...] = gain * (away * spread) + offset


def scale_back(
    x, x_at, x_line, m, m_at, r, r_at, g, g_at, dg, dg_at, db, db_at, dy, dy_at, dy_line, dx, dx_at, dx_line,
    rows, columns,
):  # fmt: skip
    """dx = g r (dy - (db + (x - m) r dg) / rows)."""
    middle, spread, gain, of_gain, of_offset = (
        each[at : at + columns] for each, at in ((m, m_at), (r, r_at), (g, g_at), (dg, dg_at), (db, db_at))
    )
    u = (lines(x, x_at, x_line, rows, columns) - middle) * spread
    rest = lines(dy, dy_at, dy_line, rows, columns) - (of_offset + u * of_gain) / rows
    lines(dx, dx_at, dx_line, rows, columns)[...] = gain * spread * rest


def lines(x, at, line, rows, columns):
    """So many rows and columns, from so many numbers behind the array's first on, each a line below the one before."""
    return matrix_of(x, at, (rows, columns), (line, 1))

"""Loops down columns: sums over the rows, and what is done to every row with numbers of its columns.

Called as Python they are NumPy; inside a compiled kernel they are those of engine/columns.py. What they give for a
column does not depend on those beside it. Every array is read from so many numbers behind its first, its "at".
"""

from __future__ import annotations

from .blas import part


def add(x, x_at, x_line, s, s_at, rows, columns):
    """s += the sum of so many rows of x."""
    s[s_at : s_at + columns] += part(x, x_at, (rows, columns), (x_line, 1)).sum(0)


def add_products(u, u_at, u_line, v, v_at, v_line, s, s_at, rows, columns):
    """s += the sum of u v over the rows."""
    both = part(u, u_at, (rows, columns), (u_line, 1)) * part(v, v_at, (rows, columns), (v_line, 1))
    s[s_at : s_at + columns] += both.sum(0)


def add_squares(x, x_at, x_line, m, m_at, s, s_at, rows, columns):
    """s += the sum of (x - m)^2 over the rows."""
    s[s_at : s_at + columns] += ((part(x, x_at, (rows, columns), (x_line, 1)) - m[m_at : m_at + columns]) ** 2).sum(0)


def add_shares(x, x_at, x_line, m, m_at, d, d_at, d_line, s, s_at, t, t_at, rows, columns):
    """s += the sum of (x - m) d, and t += that of d."""
    gradient = part(d, d_at, (rows, columns), (d_line, 1))
    away = part(x, x_at, (rows, columns), (x_line, 1)) - m[m_at : m_at + columns]
    s[s_at : s_at + columns] += (away * gradient).sum(0)
    t[t_at : t_at + columns] += gradient.sum(0)


def scale(x, x_at, x_line, m, m_at, r, r_at, g, g_at, b, b_at, y, y_at, y_line, rows, columns):
    """y = g (x - m) r + b."""
    middle, spread, gain, offset = (
        each[at : at + columns] for each, at in ((m, m_at), (r, r_at), (g, g_at), (b, b_at))
    )
    away = part(x, x_at, (rows, columns), (x_line, 1)) - middle
    part(y, y_at, (rows, columns), (y_line, 1))[...] = gain * (away * spread) + offset


def scale_back(
    x, x_at, x_line, m, m_at, r, r_at, g, g_at, dg, dg_at, db, db_at, dy, dy_at, dy_line, dx, dx_at, dx_line,
    rows, columns,
):  # fmt: skip
    """dx = g r (dy - (db + (x - m) r dg) / rows)."""
    middle, spread, gain, of_gain, of_offset = (
        each[at : at + columns] for each, at in ((m, m_at), (r, r_at), (g, g_at), (dg, dg_at), (db, db_at))
    )
    u = (part(x, x_at, (rows, columns), (x_line, 1)) - middle) * spread
    gradient = part(dy, dy_at, (rows, columns), (dy_line, 1))
    part(dx, dx_at, (rows, columns), (dx_line, 1))[...] = gain * spread * (gradient - (of_offset + u * of_gain) / rows)

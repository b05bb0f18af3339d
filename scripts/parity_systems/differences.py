"""Finds where a system and rectify differ, as classes with an example each.

A class is a quantity (y or dx), where x lies, and a kind of difference. Its example is the first of the chosen elements in it. If x, dy
or a result is subnormal and the results differ, that is one class, wherever x lies."""

import numpy as np
from elements import STORAGE, bits, decode, encode, is_tiny, neighbours, text
from inputs import LENGTH, chosen

WHERES = ("NaN", "-inf", "inf", "kink", "cap", "zero", "below", "above cap", "linear")
KINDS = ("sign of zero", "NaN", "number", "rounding", "value")
NEAR = 0.01
PROBED = (-1.0, 0.0, 3.0, -7.0)  # a dy of the mixture


def wheres(relu, x, dtype):
    """Indices into WHERES."""
    _, threshold, cap = relu
    cap = np.inf if cap is None else cap
    numbers = decode(x, dtype)
    rounded_threshold, rounded_cap = decode(encode([threshold, cap], dtype), dtype)
    conditions = (
        np.isnan(numbers),
        numbers == -np.inf,
        numbers == np.inf,
        numbers == rounded_threshold,
        numbers == rounded_cap,
        numbers == 0,
        numbers < threshold,
        numbers > cap,
    )
    return np.select(conditions, range(len(conditions)), len(conditions))


def kinds(ours, theirs, dtype):
    """Indices into KINDS of elements that differ."""
    ours, theirs = decode(ours, dtype), decode(theirs, dtype)
    steps = 2 * decode(neighbours(0, dtype)[1:], dtype)[0]  # subnormals are rounded to these
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.isfinite(ours) & (np.abs(ours - theirs) <= np.maximum(NEAR * np.abs(ours), steps))
    conditions = ((ours == 0) & (theirs == 0), np.isnan(theirs), np.isnan(ours), near)
    return np.select(conditions, range(len(conditions)), len(conditions))


class Seen:
    """The results of one function in one type: collects them, then finds the classes."""

    def __init__(self, relu, dtype):
        self.relu, self.dtype = relu, dtype
        self.parts = []

    def add(self, quantity, x, dy, ours, theirs):
        """Keeps the elements that differ. Elements with the same x and dy are looked for later, in `all`."""
        self.parts.append((quantity, x, dy, ours, theirs))

    def differing(self):
        """Returns (quantity, where, kind, whether a subnormal takes part) -> examples (x, dy, ours)."""
        found = {}
        for quantity, x, dy, ours, theirs in self.parts:
            at = np.flatnonzero(bits(ours, self.dtype) != bits(theirs, self.dtype))
            if not at.size:
                continue
            tiny = np.any([is_tiny(each[at], self.dtype) for each in (x, dy, ours, theirs)], axis=0)
            where, kind = wheres(self.relu, x[at], self.dtype), kinds(ours[at], theirs[at], self.dtype)
            codes = (where * len(KINDS) + kind) * 2 + tiny
            for code in np.unique(codes):
                first = at[codes == code][0]
                key = (quantity, WHERES[code // 2 // len(KINDS)], KINDS[code // 2 % len(KINDS)], bool(code % 2))
                found.setdefault(key, []).append((x[first], dy[first], ours[first]))
        return found

    def rank(self, quantity, x, dy):
        """Sort key of an example: chosen elements first, +0 before -0 for dx, then the simpler dy."""
        order, element = self.order(), 0 if quantity != "y" and self.number(x) == 0 else self.bits_of(x)
        distance = abs(self.number(dy) - 1) if np.isfinite(self.number(dy)) else len(order)
        return order.get(element, len(order)), np.signbit(self.number(x)), distance

    def order(self):
        if not hasattr(self, "ranks"):
            patterns = bits(chosen(self.relu, self.dtype), self.dtype)
            self.ranks = {int(pattern): index for index, pattern in reversed(list(enumerate(patterns)))}
        return self.ranks

    def bits_of(self, element):
        return int(bits(np.array([element]), self.dtype)[0])

    def number(self, element):
        return float(decode(np.array([element]), self.dtype)[0])

    def outcomes(self, quantity, x, dy):
        """All results of the system for this x and dy, at any position."""
        given = []
        for name, all_x, all_dy, _, theirs in self.parts:
            if name == quantity:
                same = bits(all_x, self.dtype) == self.bits_of(x)
                if quantity != "y":
                    same &= bits(all_dy, self.dtype) == self.bits_of(dy)
                given.append(theirs[same])
        if not given:
            return "-"
        patterns = np.unique(bits(np.concatenate(given), self.dtype)).view(STORAGE[self.dtype])
        return listed(text(number, self.dtype) for number in decode(patterns, self.dtype))

    def probes(self):
        """The results for the chosen elements, by key_of(): for the cells of systems that do not differ there."""
        met = {}
        for quantity, x, dy, _, theirs in self.parts:
            if x.size == LENGTH:
                patterns = zip(*(bits(each, self.dtype).tolist() for each in (x, dy, theirs)), x, dy, theirs)
                for x_bits, dy_bits, their_bits, *elements in patterns:
                    if x_bits in self.order() and (quantity != "dx2" or self.number(elements[1]) in PROBED):
                        key = (quantity, x_bits, 0 if quantity == "y" else dy_bits)
                        met.setdefault(key, (*elements[:2], {}))[2][their_bits] = elements[2]
        told = {}
        for (quantity, _, _), (x, dy, given) in met.items():
            told[self.key_of(quantity, x, dy)] = listed(text(self.number(each), self.dtype) for each in given.values())
        return told

    def key_of(self, quantity, x, dy):
        shown = "" if quantity == "y" else text(self.number(dy), self.dtype)
        return " ".join([quantity[:2], text(self.number(x), self.dtype), shown])

    def row(self, key, examples):
        """[quantity, where, kind, x, dy, theirs, ours] of the preferred example; dy is given only for dx."""
        quantity, *rest = key
        x, dy, ours = min(examples, key=lambda example: self.rank(quantity, *example[:2]))
        shown = "" if quantity == "y" else text(self.number(dy), self.dtype)
        row = [quantity[:2], *rest, text(self.number(x), self.dtype), shown]
        return row + [self.outcomes(quantity, x, dy), text(self.number(ours), self.dtype)]

    def classes(self):
        """The rows, one for each class that no other class implies."""
        found, kept, tiny = self.differing(), {}, {}
        for quantity, where, kind, subnormal in sorted(found, key=order_of):
            if implied(kept, quantity, where, kind):
                continue
            examples = found[quantity, where, kind, subnormal]
            if subnormal:
                tiny.setdefault((quantity, "subnormal", "sign of zero" if kind == "sign of zero" else "value"), []).extend(examples)
            else:
                kept[quantity, where, kind] = examples
        for key in sorted(tiny, key=lambda key: (key[2] != "value", key[0])):
            if not implied(kept, *key):
                kept[key] = tiny[key]
        return [self.row(key, examples) for key, examples in kept.items()]


def listed(texts):
    """The results of one input as text. There are several if they depend on its position in the tensor."""
    return " or ".join(sorted(set(texts), key=lambda spelled: (spelled != "NaN", spelled)))


def order_of(key):
    """Sort key: y, then dx by dy; wider classes before those that they imply, and subnormals last."""
    quantity, where, kind, tiny = key
    return quantity != "y", quantity, tiny, where in WIDER, WHERES.index(where), KINDS.index(kind)


# A wider class already states it: rectify's slope at NaN, -inf and the kink is that of below.
WIDER = {"inf": "linear", "above cap": "cap", "NaN": "below", "-inf": "below", "kink": "below"}


def implied(kept, quantity, where, kind):
    """Another result for dy = 1 implies others for any dy, and a product with 0 the same kinds for every dy."""
    if where == "subnormal" and kind == "sign of zero" and any((told, where, "value") in kept for told in GRADIENTS + ("y",)):
        return True
    if quantity == "y":
        return any(("y", where, known) in kept for known in {"rounding": ("rounding", "value")}.get(kind, (kind,)))
    places = [where, WIDER[where]] if where in WIDER else [where]
    before = [told for told in GRADIENTS if told < quantity]
    if any((told, where, "value") in kept for told in [*before, quantity]):
        return True
    if kind == "sign of zero" and any((told, place, "NaN") in kept for told in before for place in places):
        return True
    return any((told, place, kind) in kept for told in [*before, quantity] for place in places)


GRADIENTS = ("dx0", "dx1", "dx2")  # for dy = 1, dy = inf and a mixture

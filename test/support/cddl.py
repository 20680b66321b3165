"""A small reader of CDDL (RFC 8610) for the tests: the part of the grammar that contracts use, taken from the RFC's appendix B
and not from the generator. Schema(text) fails on anything else; schema.matches(rule, value) says whether a value fits."""
import re

TOKEN = re.compile(r'''(?P<skip>(?:[ \n]|;[^\n]*\n)+)|(?P<number>-?(?:0|[1-9][0-9]*)(?![0-9A-Za-z]))|(?P<text>"[^"\\\n]*")
    |(?P<occur>[0-9]*\*[0-9]*|\?|\+)|(?P<control>\.[a-z]+)|(?P<mark>=>|\.\.|[=/:,&(){}\[\]^])
    |(?P<name>[A-Za-z@_$](?:[-.]*[A-Za-z0-9@_$])*)''', re.VERBOSE)
OCCUR = re.compile(r'(?P<occur>[0-9]*\*[0-9]*)')
PRELUDE = {'any', 'bool', 'true', 'false', 'null', 'nil', 'uint', 'nint', 'int', 'tstr', 'text', 'bstr', 'bytes'}


class Schema:
    def __init__(self, text):
        self.tokens, at = [], 0
        while at < len(text):
            # An occurrence and a number begin alike: the longer one is meant.
            either = [match for match in (TOKEN.match(text, at), OCCUR.match(text, at)) if match]
            found = max(either, key=lambda match: match.end(), default=None)
            if found is None:
                raise ValueError(f'not CDDL: {text[at:at + 30]!r}')
            if found.lastgroup != 'skip':
                self.tokens.append((found.lastgroup, found.group()))
            at = found.end()
        self.tokens.append(('end', ''))
        self.at, self.rules, self.used = 0, {}, set()
        while self.peek()[0] != 'end':
            name = self.take('name')
            self.take('mark', '=')
            if name in self.rules:
                raise ValueError(f'{name} is defined twice')
            self.rules[name] = self.type()
        missing = self.used - set(self.rules) - PRELUDE
        if missing:
            raise ValueError(f'not defined: {sorted(missing)}')

    def peek(self, ahead=0):
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self, kind, text=None):
        got = self.peek()
        if got[0] != kind or (text is not None and got[1] != text):
            raise ValueError(f'expected {text or kind}, found {got} after {self.tokens[max(0, self.at - 6):self.at]}')
        self.at += 1
        return got[1]

    def accept(self, text):
        if self.peek() == ('mark', text):
            self.at += 1
            return True
        return False

    def type(self):
        choices = [self.type1()]
        while self.accept('/'):
            choices.append(self.type1())
        return ('choice', choices) if len(choices) > 1 else choices[0]

    def type1(self):
        first = self.type2()
        if self.accept('..'):
            return ('range', first, self.type2())
        if self.peek()[0] == 'control':
            return ('control', self.take('control'), first, self.type2())
        return first

    def type2(self):
        kind, text = self.peek()
        self.at += 1
        if kind == 'number':
            return ('value', int(text))
        if kind == 'text':
            return ('value', text[1:-1])
        if kind == 'name':
            self.used.add(text)
            return ('name', text)
        if (kind, text) == ('mark', '('):
            inner = self.type()
            self.take('mark', ')')
            return inner
        if kind == 'mark' and text in '{[':
            return ('map' if text == '{' else 'array', self.group('}' if text == '{' else ']'))
        if (kind, text) == ('mark', '&'):
            self.take('mark', '(')
            return ('choice', [entry[3] for entry in self.group(')')])
        raise ValueError(f'expected a type, found {text!r}')

    def group(self, closing):
        """(least, most, key, type) of each entry; key is None or (cut, type)."""
        entries = []
        while not self.accept(closing):
            least, most = 1, 1
            if self.peek()[0] == 'occur':
                occur = self.take('occur')
                low, star, high = occur.partition('*')
                least = int(low or 0) if star else int(occur == '+')
                most = int(high) if high else 1 if occur == '?' else None
            key = None
            if self.peek(1) == ('mark', ':'):
                kind, text = self.peek()
                self.at += 2
                key = (True, ('value', int(text) if kind == 'number' else text.strip('"')))
                made = self.type()
            else:
                made = self.type1()
                if self.accept('^'):
                    self.take('mark', '=>')
                    key, made = (True, made), self.type()
                elif self.accept('=>'):
                    key, made = (False, made), self.type()
                elif self.peek() == ('mark', '/'):
                    self.at += 1
                    made = ('choice', [made, self.type()])
            entries.append((least, most, key, made))
            if not self.accept(',') and self.peek() != ('mark', closing):
                continue  # the comma is optional
        return entries

    # ---- does a value fit ---------------------------------------------------------------------

    def matches(self, made, value):
        if isinstance(made, str):
            made = ('name', made)
        kind = made[0]
        if kind == 'choice':
            return any(self.matches(one, value) for one in made[1])
        if kind == 'value':
            return type(value) is type(made[1]) and value == made[1]
        if kind == 'range':
            return type(value) is int and made[1][1] <= value <= made[2][1]
        if kind == 'control':
            return self.matches(made[2], value) and (made[1] != '.size' or self.sized(made[3], value))
        if kind == 'array':
            return self.matches_array(made[1], value)
        if kind == 'map':
            return self.matches_map(made[1], value)
        return self.matches(self.rules[made[1]], value) if made[1] in self.rules else matches_prelude(made[1], value)

    def sized(self, size, value):
        return self.matches(size, len(value.encode() if isinstance(value, str) else value))

    def matches_array(self, entries, value):
        (least, most, _, made), = entries  # one kind of element is all that is used
        return isinstance(value, list) and least <= len(value) <= (most if most is not None else len(value)) and \
            all(self.matches(made, one) for one in value)

    def matches_map(self, entries, value):
        if not isinstance(value, dict):
            return False
        left = dict(value)
        for least, _, (cut, key), made in entries:
            fits = [one for one in left if self.matches(key, one) and (self.matches(made, left[one]) or cut)]
            if len(fits) < least or not all(self.matches(made, left[one]) for one in fits):
                return False
            for one in fits:
                del left[one]
        return not left


def matches_prelude(name, value):
    if name in ('true', 'false', 'null', 'nil'):
        return value is {'true': True, 'false': False}.get(name)
    if name in ('uint', 'nint', 'int'):
        return type(value) is int and (name == 'int' or (value >= 0) == (name == 'uint')) and -2**64 <= value < 2**64
    return name == 'any' or type(value) is {'bool': bool, 'tstr': str, 'text': str, 'bstr': bytes, 'bytes': bytes}[name]


def decode(data):
    """The CBOR item that is all of `data`: integers, strings, arrays, maps and simple values."""
    value, end = _item(data, 0)
    if end != len(data):
        raise ValueError('bytes after the end')
    return value


def sequence(data):
    """The items of a CBOR sequence (RFC 8742), of which the first has the tag that says CBOR (RFC 8949, 3.4.6)."""
    if data[:3] != b'\xd9\xd9\xf7':
        raise ValueError('it does not begin with tag 55799')
    items, at = [], 3
    while at < len(data):
        item, at = _item(data, at)
        items.append(item)
    if at != len(data):
        raise ValueError('the last item is cut')
    return items


def _item(data, at):
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None}[low], at
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(low, 0)
    number = int.from_bytes(data[at:at + size], 'big') if size else low
    at += size
    if major < 2:
        return (number if major == 0 else -1 - number), at
    if major < 4:
        raw = bytes(data[at:at + number])
        return (raw if major == 2 else raw.decode()), at + number
    items = []
    for _ in range(number * (major - 3)):
        item, at = _item(data, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at

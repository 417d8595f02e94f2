package incident

import "encoding/binary"

// boardVersion is the first byte of a stored board. The first version had
// nothing of duplicates that had left.
const boardVersion = 2

// encode writes a board in a few bytes for each incident; it is written with
// every alert. The value is no text.
func (b *board) encode() string {
	if len(b.entries) == 0 {
		return ""
	}
	out := make([]byte, 0, 128*len(b.entries))
	out = append(out, boardVersion)
	num := func(n int64) { out = binary.AppendVarint(out, n) }
	text := func(s string) { num(int64(len(s))); out = append(out, s...) }
	moves := func(list []move, from int64) {
		num(int64(len(list)))
		for _, m := range list {
			d := (m.at - from) << 1
			if m.close {
				d |= 1
			}
			num(d)
			from = m.at
		}
	}
	num(int64(len(b.entries)))
	for _, e := range b.entries {
		num(int64(e.id))
		text(e.ref)
		num(e.number)
		num(e.opened)
		moves(e.moves, e.opened)
		num(int64(len(e.keys)))
		for _, k := range e.keys {
			text(k)
		}
		text(e.trouble)
		text(e.place)
		num(int64(flag(e.declared) | flag(e.fixed)<<1))
		num(int64(len(e.apart)))
		for _, id := range e.apart {
			num(int64(id))
		}
		text(e.kind)
		text(e.rule)
		num(int64(e.parent))
		moves(e.derived, e.opened)
		num(int64(e.openings))
		moves(e.left, e.opened)
		num(int64(len(e.leftKeys)))
		for _, k := range e.leftKeys {
			text(k)
		}
	}
	return string(out)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// reader reads what encode has written. After an error all that it returns is
// zero.
type reader struct {
	s   string
	bad bool
}

func (r *reader) num() int64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		if len(r.s) == 0 {
			break
		}
		c := r.s[0]
		r.s = r.s[1:]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return int64(n>>1) ^ -int64(n&1)
		}
	}
	r.bad, r.s = true, ""
	return 0
}

// count reads how many things follow, each of at least one byte.
func (r *reader) count() int {
	n := r.num()
	if n < 0 || n > int64(len(r.s)) {
		r.bad, r.s = true, ""
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count()
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

func (r *reader) keys() sameness {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make(sameness, n)
	for i := range out {
		out[i] = r.text()
	}
	return out
}

func (r *reader) moves(from int64) []move {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make([]move, n)
	for i := range out {
		d := r.num()
		from += d >> 1
		out[i] = move{at: from, close: d&1 == 1}
	}
	return out
}

// span writes between which times all of a board lies. It is kept apart: most
// boards around an alert need not be read.
func (b *board) span() string {
	if len(b.entries) == 0 {
		return ""
	}
	oldest, newest := b.entries[0].opened, b.entries[0].opened
	for _, e := range b.entries {
		oldest = min(oldest, e.opened)
		for _, m := range e.moves {
			newest = max(newest, m.at)
		}
	}
	return string(binary.AppendVarint(binary.AppendVarint(nil, oldest), newest))
}

// openBoard makes a board of what span and encode have written; read is asked
// for the latter when it is needed.
func openBoard(service, span string, read func() string) *board {
	b := &board{service: service}
	r := &reader{s: span}
	b.oldest, b.newest = r.num(), r.num()
	if !r.bad {
		b.read = read
	}
	return b
}

// decodeEntries returns nothing where the text is damaged.
func decodeEntries(s string) []*entry {
	if s == "" || s[0] < 1 || s[0] > boardVersion {
		return nil
	}
	version, r := s[0], &reader{s: s[1:]}
	n := r.count()
	all := make([]entry, n)
	out := make([]*entry, n, n+1)
	for i := range all {
		e := &all[i]
		out[i] = e
		e.id, e.ref, e.number, e.opened = ID(r.num()), r.text(), r.num(), r.num()
		e.moves = r.moves(e.opened)
		e.keys = r.keys()
		e.trouble, e.place = r.text(), r.text()
		flags := r.num()
		e.declared, e.fixed = flags&1 != 0, flags&2 != 0
		if k := r.count(); k > 0 {
			e.apart = make([]ID, k)
			for j := range e.apart {
				e.apart[j] = ID(r.num())
			}
		}
		e.kind, e.rule, e.parent = r.text(), r.text(), ID(r.num())
		e.derived = r.moves(e.opened)
		e.openings = int(r.num())
		if version > 1 {
			e.left, e.leftKeys = r.moves(e.opened), r.keys()
		}
	}
	if r.bad || r.s != "" {
		return nil
	}
	return out
}

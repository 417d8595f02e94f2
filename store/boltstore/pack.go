package boltstore

import (
	_ "embed"
	"errors"

	"github.com/klauspost/compress/s2"
)

// Documents are stored as JSON, packed with a dictionary that holds the field
// names and the usual values: an incident shrinks from about 1.6 KB to a few
// hundred bytes in 2 microseconds, so a commit writes fewer pages.
//
// The first byte names the packing. A dictionary is never changed, because what
// was packed with it can not be read with another: a better one gets a new
// number beside the old.
const (
	packNone  = 1 // JSON as it is
	packDict1 = 2 // an s2 block with dictionary1
)

// maxPacked bounds what is packed, so that a damaged length can not make unpack
// ask for all the memory there is.
const maxPacked = 64 << 20

//go:embed pack1.dict
var dictionary1 []byte

var dict1 = s2.MakeDict(dictionary1, nil)

// appendPacked appends the packed form of doc to b.
func appendPacked(b, doc []byte) []byte {
	if len(doc) < 64 || len(doc) > maxPacked {
		return append(append(b, packNone), doc...)
	}
	b = append(b, packDict1)
	n := len(b)
	if need := n + s2.MaxEncodedLen(len(doc)); cap(b) < need {
		b = append(make([]byte, 0, need), b...)
	}
	return b[:n+len(dict1.Encode(b[n:cap(b)], doc))]
}

var errPacked = errors.New("the document is damaged")

// unpack returns what appendPacked was given. The result may share memory with v.
func unpack(v []byte) ([]byte, error) {
	switch {
	case len(v) > 0 && v[0] == packNone:
		return v[1:], nil
	case len(v) > 0 && v[0] == packDict1:
		n, err := s2.DecodedLen(v[1:])
		if err != nil || n > maxPacked {
			return nil, errPacked
		}
		doc, err := dict1.Decode(make([]byte, n), v[1:])
		if err != nil {
			return nil, errPacked
		}
		return doc, nil
	}
	return nil, errPacked
}

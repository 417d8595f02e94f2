package incident

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// ID is the number of an incident. It is written INC-42, comes from one
// sequence, and is never used again. 0 means "none".
type ID int64

// String returns the written form, such as "INC-42".
func (id ID) String() string { return "INC-" + strconv.FormatInt(int64(id), 10) }

// ParseID reads INC-42, inc-42, #42 and 42. Anything else, 0 and negative
// numbers included, is ErrInvalid.
func ParseID(s string) (ID, error) {
	t := strings.TrimPrefix(strings.TrimSpace(s), "#")
	if len(t) > 4 && strings.EqualFold(t[:4], "INC-") {
		t = t[4:]
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n <= 0 || t[0] == '+' {
		return 0, invalid("id", "bad_id", "%q is not an incident id: write it like INC-42", Clip(s, 40))
	}
	return ID(n), nil
}

// MarshalJSON writes the written form, and null for "none".
func (id ID) MarshalJSON() ([]byte, error) {
	if id == 0 {
		return []byte("null"), nil
	}
	return []byte(`"` + id.String() + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and every form of ParseID.
func (id *ID) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case string(b) == "null":
		*id = 0
		return nil
	case len(b) > 0 && b[0] == '"':
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("incident id: %w", err)
		}
	default:
		s = string(b)
	}
	v, err := ParseID(s)
	if err != nil {
		return err
	}
	*id = v
	return nil
}

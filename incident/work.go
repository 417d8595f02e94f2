package incident

import "time"

// work is one transaction of Do.
type work struct {
	tx      Tx
	cat     Catalog
	s       *Service
	now     time.Time
	effects int

	link   Linking
	topo   Topology
	boards map[string]*board // that were read
	loaded map[ID]*Incident  // that were read or stored: one object for each
	failed error             // of reading one
	from   string            // service that the incident belonged to
	past   bool              // the command is of the pager's past: nothing follows
	tied   bool              // other incidents have changed, too
}

func (s *Service) topology() Topology {
	if s.Topology == nil {
		return NoTopology{}
	}
	return s.Topology()
}

func (s *Service) work(tx Tx, cat Catalog, topo Topology) *work {
	return &work{tx: tx, cat: cat, s: s, now: s.Now(), link: s.Linking.complete(), topo: topo, boards: map[string]*board{}, loaded: map[ID]*Incident{}}
}

// InboundKey is the form in which a key of Command.Keys is stored; its value is
// the id of the incident that the command has met.
func InboundKey(k string) string { return "in/" + k }

func (w *work) seen(keys []string) (string, error) {
	for _, k := range keys {
		v, err := w.tx.Key(InboundKey(k), false)
		if err != nil || v != "" {
			return v, err
		}
	}
	return "", nil
}

func (w *work) remember(keys []string, value string) error {
	for _, k := range keys {
		if err := w.tx.PutKey(InboundKey(k), value, false); err != nil {
			return err
		}
	}
	return nil
}

// repeated returns the incident that a repeated command has met. A key without
// an incident (value "-") yields a bare Incident, so that callers always have one.
func (w *work) repeated(cmd Command) (*Incident, error) {
	v, err := w.seen(cmd.Keys)
	if err != nil || v == "" {
		return nil, err
	}
	if v == "-" {
		return &Incident{}, nil
	}
	id, err := ParseID(v)
	if err != nil {
		return nil, err
	}
	return w.load(id)
}

// load returns the incident as it stands now in this transaction. Whoever loads
// the same one gets the same object, so that nobody works on an old copy.
func (w *work) load(id ID) (*Incident, error) {
	if inc := w.loaded[id]; inc != nil {
		return inc, nil
	}
	inc, err := w.tx.Incident(id)
	if err == nil && w.loaded != nil {
		w.loaded[id] = inc
	}
	return inc, err
}

// save stores an incident.
func (w *work) save(inc *Incident) error {
	if w.loaded != nil {
		w.loaded[inc.ID] = inc
	}
	return w.tx.PutIncident(inc)
}

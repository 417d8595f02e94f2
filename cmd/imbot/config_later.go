package main

// The sections of parts that this version does not have. They are read and
// checked, so that a configuration for the next version is no error, and
// Warnings names them.

// ReportsConfig is when reports are sent.
type ReportsConfig struct {
	Weekly  *Schedule `yaml:"weekly"`
	Monthly *Schedule `yaml:"monthly"`
}

func (k *configCheck) later() {
	c := k.c
	for _, s := range []struct {
		name  string
		given bool
		check func()
	}{
		{"reports", c.Reports != nil, k.reports},
	} {
		if s.given {
			s.check()
			k.warn("%s: not part of this version: ignored", s.name)
		}
	}
}

func (k *configCheck) reports() {
	r := k.c.Reports
	if r.Weekly != nil && r.Weekly.Day != 0 {
		k.doc.Errorf("reports.weekly", `this is a day of the month; write a day of the week, as in "Mon 09:00"`)
	}
	if r.Monthly != nil && r.Monthly.Day == 0 && !k.failed("reports.monthly") {
		k.doc.Errorf("reports.monthly", `this is a day of the week; write a day of the month, as in "1 09:00"`)
	}
}

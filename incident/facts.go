package incident

import "time"

// Facts is everything that Apply needs to know besides the incident and the
// command. Do builds it from an immutable catalog snapshot.
type Facts struct {
	Levels  Levels
	Verdict Verdict     // what the rules say about the alert, or the declared title
	Service ServiceInfo // of the incident
	Squad   SquadInfo   // of the incident
	Route   Route       // of the squad
	// Notice is the row of the notice table for a level, for this squad.
	Notice func(level string) Notice
	// Person gives the one identity of a person.
	Person func(Actor) Actor
	// Details says that the pager can be asked for an alert's details.
	Details bool
	Linking Linking
	Remind  Reminding
	Hooks   []HookWish    // other systems that want to be told
	Mute    *Mute         // the window that a new alert falls into; nil: none
	Pause   time.Duration // how long a new alert waits before it is shown; 0: not at all
	Before  int           // incidents of the same service and masked title that ended before

	scene  *scene      // what links are decided from; nil: the command does not touch them
	parent *parentInfo // SetLink: what is known of the parent; nil: no such incident
}

// factsFor builds the facts for an incident as it is, or as alert says it is.
func factsFor(cat Catalog, inc *Incident, cmd *Command, details bool) Facts {
	f := Facts{Levels: cat.Levels(), Person: cat.Person, Details: details}
	alert := subject(inc, cmd)
	name, vendorID := alert.Service, alert.ServiceID
	if cmd.Verb == Declare {
		name = cmd.Args.Service
	}
	same := inc != nil && (inc.Alert == nil || inc.Alert.ServiceID == vendorID) // the service that the incident has
	if name == "" && vendorID == "" && inc != nil {
		name = inc.Service
	}
	f.Service = cat.Service(name, vendorID)
	switch {
	case f.Service.Key != "":
	case same && inc.Service != "":
		// The catalog has lost it: what the incident remembers holds.
		f.Service = ServiceInfo{Key: inc.Service, Name: inc.ServiceName, Squad: inc.Squad}
	case vendorID != "":
		// A service that is in no catalog is still a service, of no squad.
		f.Service = ServiceInfo{Key: "pd:" + vendorID, Name: name}
	case name != "":
		f.Service = ServiceInfo{Name: name}
	}
	f.Squad = cat.Squad(f.Service.Squad)
	f.Route = cat.Route(f.Service.Squad)
	f.Verdict = cat.Match(alert, f.Service)
	squad := f.Service.Squad
	f.Notice = func(level string) Notice { return cat.Notice(squad, level) }
	return f
}

// subject is the alert that the rules judge: what is known after the command,
// else what a person has declared.
func subject(inc *Incident, cmd *Command) *Alert {
	al := cmd.Args.Alert
	switch {
	case al != nil && (inc == nil || inc.Alert == nil):
		return al
	case al != nil && cmd.Verb == Enrich:
		return ptr(inc.Alert.enriched(al))
	case al != nil && !cmd.At.Before(inc.AlertAt):
		return ptr(inc.Alert.updated(al))
	case inc != nil && inc.Alert != nil:
		return inc.Alert
	case inc != nil:
		return &Alert{Title: inc.Title, Service: inc.Service}
	}
	return &Alert{Title: cmd.Args.Title, Service: cmd.Args.Service}
}

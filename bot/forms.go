package bot

import (
	"context"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// form shows a form: the one that was asked for, the next step of the one that
// was submitted, or the same one with what is wrong with it.
func (t *turn) form(ctx context.Context, req commands.Request, values, errs map[string]string) (outcome, error) {
	o := t.options()
	if req.Form == commands.FormDeclare {
		card := cards.DeclareForm(values, errs, t.services(), o)
		return t.formOutcome(req.Form, &card, 0), nil
	}
	v, err := t.Reader.Get(ctx, t.viewer(), req.Incident, false)
	if err != nil {
		return outcome{}, err
	}
	if err := t.mayShow(req.Form, v); err != nil {
		return outcome{}, err
	}
	var card cards.Card
	switch req.Form {
	case commands.FormRCA:
		step := req.Step
		switch req.Op {
		case commands.OpNext:
			step++
		case commands.OpBack:
			step--
		}
		if req.Op == commands.OpNext || req.Op == commands.OpBack {
			values = nil // of the step before
		}
		card = cards.RCAForm(v, min(max(step, 1), cards.RCASteps), values, errs, o)
	case commands.FormAction:
		card = cards.ActionForm(v, values, errs, o)
	case commands.FormNote:
		card = cards.NoteForm(v, values, errs, o)
	case commands.FormLevel:
		card = cards.LevelForm(v, values, errs, o)
	case commands.FormWaive:
		card = cards.WaiveForm(v, values, errs, o)
	case commands.FormResolve:
		card = cards.ResolveForm(v, values, errs, o)
	case commands.FormTime:
		card = cards.TimesForm(v, values, errs, o)
	case commands.FormUpdate:
		card = cards.UpdateForm(v, values, errs, t.Now(), o)
	case commands.FormPage:
		card = cards.PageForm(v, values, errs, v.Service.Standby, o)
	case commands.FormLink:
		others, err := t.others(ctx, req.Incident)
		if err != nil {
			return outcome{}, err
		}
		card = cards.LinkForm(v, values, errs, others, o)
	default:
		return outcome{}, incident.NewProblem(incident.ErrInvalid, "form", "unknown_form", "There is no form %q.", incident.Clip(req.Form, 40)).
			With("form", incident.Clip(req.Form, 40))
	}
	return t.formOutcome(req.Form, &card, req.Incident), nil
}

// mayShow refuses a form whose command would be refused anyway: nobody should
// write for ten minutes and be told then.
func (t *turn) mayShow(form string, v *query.View) error {
	cmd, ok := map[string]incident.Verb{
		commands.FormRCA: incident.WriteRCA, commands.FormAction: incident.DoAction, commands.FormNote: incident.AddNote,
		commands.FormLevel: incident.SetLevel, commands.FormWaive: incident.Close, commands.FormResolve: incident.Resolve, commands.FormLink: incident.SetLink,
		commands.FormTime: incident.SetTime, commands.FormUpdate: incident.Report, commands.FormPage: incident.Page,
	}[form]
	if !ok {
		return nil
	}
	facts := incident.Facts{Service: v.Service, Squad: v.Squad}
	return incident.Allowed(cmd, false, t.asker.actor, t.asker.role, v.Incident, &facts)
}

func (t *turn) formOutcome(form string, card *cards.Card, id incident.ID) outcome {
	title := t.text("form."+form+".title", "id", id.String())
	return outcome{card: card, form: true, title: title, summary: title, incident: id}
}

func (t *turn) services() []cards.Choice {
	var out []cards.Choice
	for _, s := range t.Catalog().ServiceNames() {
		out = append(out, cards.Choice{Title: s[1], Value: s[0]})
	}
	return out
}

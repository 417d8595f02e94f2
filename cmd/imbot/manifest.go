package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"imbot/bot"
	"imbot/commands"
	"imbot/locale"
	"imbot/manifest"
)

// runManifest writes the Teams app package.
func runManifest(_ context.Context, args []string, out, errOut io.Writer) error {
	fs := flags("manifest", errOut)
	path := fs.String("config", "", "configuration `file`")
	target := fs.String("out", "imbot.zip", "zip `file` to write")
	packageVersion := fs.String("package-version", "1.0.0", "version of the package: raise it with each upload")
	if err := parse(fs, args, 0); err != nil {
		return err
	}
	cfg, err := loadConfig(*path)
	if err != nil {
		return err
	}
	o, err := manifestOptions(cfg, *packageVersion)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(*target), ".imbot-manifest-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	if err := errors.Join(manifest.WriteZip(tmp, o), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), *target); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s written (profile %s). Upload it in the Teams admin center: Teams apps, Manage apps, Upload new app.\n", *target, o.Profile)
	return err
}

func manifestOptions(cfg *Config, packageVersion string) (manifest.Options, error) {
	t := cfg.Teams
	if t == nil {
		return manifest.Options{}, errors.New("the configuration has no teams section: the package needs its app_id")
	}
	profile, err := manifest.ParseProfile(t.Profile)
	if err != nil {
		return manifest.Options{}, err
	}
	o := manifest.Options{
		AppID: t.AppID, ManifestID: t.ManifestID, Profile: profile, PublicURL: cfg.PublicURL, Version: packageVersion,
		Name: "imbot", Developer: manifest.Developer{Name: "imbot"}, Dialogs: t.Dialogs, Preview: t.SlashCommands, Targeted: t.Targeted, SelfInstall: t.InstallForPeople,
		Extension: []manifest.ExtensionCommand{
			{ID: bot.CommandDeclare, Title: "Declare incident", Description: "Make an incident of a message, or of a few words", Action: true, Contexts: []string{manifest.ContextMessage, manifest.ContextCompose, manifest.ContextCommandBox}, Slash: true},
			{ID: bot.CommandTimeline, Title: "Add to timeline", Description: "Put this message onto the timeline of an incident", Action: true, Contexts: []string{manifest.ContextMessage}},
			{ID: bot.CommandFind, Title: "Find incident", Description: "Search by number, words, squad or status", Parameter: bot.ParameterWords, ParameterTitle: "Number or words", Contexts: []string{manifest.ContextCompose, manifest.ContextCommandBox}},
		},
	}
	scopes := []string{manifest.ScopePersonal, manifest.ScopeTeam, manifest.ScopeGroupChat}
	for _, c := range commands.Commonest() {
		o.Commands = append(o.Commands, manifest.Command{Title: c, Description: locale.For(locale.English).Text("help." + c), Scopes: scopes})
	}
	return o, nil
}

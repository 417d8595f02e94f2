package boltstore

import (
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// migration brings a file from one schema to the next.
type migration struct {
	name string
	run  func(tx *bolt.Tx) error
}

// migrations lead from an empty file to the present schema: the schema of a
// file is the number of those that it has seen. They are only ever appended to,
// and each runs once, in a transaction of its own.
//
// A program can open the files of every earlier schema, and of none that is
// newer. So a step back to the release before one that migrates needs a backup
// made by that release.
var migrations = []migration{
	{"make the buckets", func(tx *bolt.Tx) error {
		for _, name := range []string{
			"incident", "row", "open", "event", "kept", "raw", "days",
			"effect", "lane", "due", "ended", "chat", "person", "name",
		} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	}},
	{"make the buckets of the service graph and of changes", func(tx *bolt.Tx) error {
		for _, name := range []string{"edge", "source", "change"} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	}},
	{"make the bucket of preferences", func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte("preference"))
		return err
	}},
}

// keySchema holds, in bucketMeta, the number of migrations that were run.
var keySchema = []byte("schema")

// schemaOf returns 0 for an empty file.
func schemaOf(tx *bolt.Tx) (int, error) {
	meta := tx.Bucket([]byte("meta"))
	if meta == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return 0, fmt.Errorf("this is a bbolt file of another program")
		}
		return 0, nil
	}
	n, err := strconv.Atoi(string(meta.Get(keySchema)))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("its schema is %q, which is no number: the file is damaged, or not one of imbot", meta.Get(keySchema))
	}
	return n, nil
}

// checkSchema fails for a file that these steps do not lead to.
func checkSchema(tx *bolt.Tx, steps []migration) (int, error) {
	n, err := schemaOf(tx)
	if err == nil && n > len(steps) {
		err = fmt.Errorf("it was written by a newer version of imbot (schema %d, this one knows %d): run that version, or restore a backup made before it", n, len(steps))
	}
	return n, err
}

// migrate runs the steps that are missing.
func migrate(db *bolt.DB, steps []migration) error {
	n := 0
	if err := db.View(func(tx *bolt.Tx) (err error) {
		n, err = checkSchema(tx, steps)
		return err
	}); err != nil {
		return err
	}
	for ; n < len(steps); n++ {
		err := db.Update(func(tx *bolt.Tx) error {
			meta, err := tx.CreateBucketIfNotExists([]byte("meta"))
			if err != nil {
				return err
			}
			if err := steps[n].run(tx); err != nil {
				return err
			}
			return meta.Put(keySchema, []byte(strconv.Itoa(n+1)))
		})
		if err != nil {
			return fmt.Errorf("bringing it to schema %d (%s): %w", n+1, steps[n].name, err)
		}
	}
	return nil
}

package helm_test

import (
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
)

// state describes the volume with the state.
func state(t *testing.T, objects []manifest.Object) string {
	t.Helper()
	if stateful := manifest.All[*apps.StatefulSet](objects); len(stateful) == 1 {
		for _, c := range stateful[0].Spec.VolumeClaimTemplates {
			return "claim of each pod " + c.Name + " " + c.Spec.Resources.Requests.Storage().String()
		}
	}
	for _, v := range podOf(t, objects).Volumes {
		switch {
		case v.Name != "state":
		case v.EmptyDir != nil:
			return "emptyDir " + v.EmptyDir.SizeLimit.String()
		case v.PersistentVolumeClaim != nil:
			return "claim " + v.PersistentVolumeClaim.ClaimName
		}
	}
	return "none"
}

func TestState(t *testing.T) {
	for name, want := range map[string]string{
		"default":                      "emptyDir 256Mi",
		"account from the environment": "none",
		"persistence":                  "claim twilio-exporter",
		"existing claim":               "claim mine",
		"shards":                       "emptyDir 256Mi",
		"shards with persistence":      "claim of each pod state 256Mi",
	} {
		objects := render(t, sets[name].values).objects
		if have := state(t, objects); have != want {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
		path := ""
		for _, m := range podOf(t, objects).Containers[0].VolumeMounts {
			if m.Name == "state" && !m.ReadOnly {
				path = m.MountPath
			}
		}
		if (path == "/var/lib/twilio_exporter") == (want == "none") {
			t.Errorf("%s: the state is mounted at %q", name, path)
		}
	}
	policy := manifest.The[*apps.StatefulSet](t, render(t, sets["shards with persistence"].values).objects).Spec.PersistentVolumeClaimRetentionPolicy
	if policy == nil || policy.WhenScaled != apps.DeletePersistentVolumeClaimRetentionPolicyType || policy.WhenDeleted != apps.RetainPersistentVolumeClaimRetentionPolicyType {
		t.Errorf("claims of shards that are removed: %v, want that they are deleted, and only then", policy)
	}
	claim := manifest.The[*core.PersistentVolumeClaim](t, render(t, sets["persistence"].values).objects)
	if *claim.Spec.StorageClassName != "fast" || claim.Spec.Resources.Requests.Storage().String() != "1Gi" || claim.Annotations["helm.sh/resource-policy"] != "keep" {
		t.Errorf("the claim is %v %v", claim.Spec, claim.Annotations)
	}
}

// TestRollout: a change of the chart's configuration restarts the pods, one of an
// existing Secret is loaded without a restart.
func TestRollout(t *testing.T) {
	sum := func(values string) string {
		return manifest.The[*apps.Deployment](t, render(t, values).objects).Spec.Template.Annotations["checksum/config"]
	}
	a, b := sum(""), sum("config: {max_age: 4h}")
	if a == "" || a == b || sum("") != a {
		t.Errorf("checksums %q and %q", a, b)
	}
	for values, want := range map[string]bool{"": false, "existingConfigSecret: mine": true} {
		args := podOf(t, render(t, values).objects).Containers[0].Args
		if have := len(args) == 2 && args[1] == "--config.watch"; have != want {
			t.Errorf("%q: arguments %q", values, args)
		}
	}
}

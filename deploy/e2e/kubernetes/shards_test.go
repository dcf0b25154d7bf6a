package kubernetes_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
)

// TestShards: there is a pod for every shard and no other, and together they
// serve every account once.
func TestShards(t *testing.T) {
	objects := build(t, sharded)
	set, service := the[*apps.StatefulSet](t, objects), the[*core.Service](t, objects)
	w := theWorkload(t, sharded, objects)
	if set.Spec.Replicas == nil || *set.Spec.Replicas < 2 {
		t.Fatalf("replicas: %v", set.Spec.Replicas)
	}
	total := int(*set.Spec.Replicas)
	for fault, found := range map[string]bool{
		"is governed by another Service":          set.Spec.ServiceName != service.Name,
		"starts shards one after another":         set.Spec.PodManagementPolicy != apps.ParallelPodManagement,
		"does not count its pods from 0":          set.Spec.Ordinals != nil,
		"leaves old pods beside new ones":         set.Spec.UpdateStrategy.Type != "" || set.Spec.UpdateStrategy.RollingUpdate != nil,
		"keeps something on disk":                 len(set.Spec.VolumeClaimTemplates) > 0,
		"has a Service that answers with any pod": service.Spec.ClusterIP != core.ClusterIPNone,
	} {
		if found {
			t.Errorf("the StatefulSet %s", fault)
		}
	}

	exporter, m := buildExporter(t), mount(t, sharded, objects, w)
	says := regexp.MustCompile(`\n(\d+) of its (\d+) accounts fall to shard (\d+) of 0 to (\d+)\.\n`)
	served := 0
	for ordinal := range total {
		args := arguments(t, container(t, w), podOf(set, ordinal))
		output := m.check(t, exporter, args)
		found := says.FindStringSubmatch(output)
		if found == nil {
			t.Fatalf("with %q the exporter says %q", args, output)
		}
		var numbers [4]int
		for i := range numbers {
			numbers[i], _ = strconv.Atoi(found[i+1])
		}
		part := len(m.config.Shard(ordinal, total).Accounts())
		if want := [4]int{part, len(m.config.Accounts()), ordinal, total - 1}; numbers != want {
			t.Errorf("pod %d says %q, want the numbers %v", ordinal, output, want)
		}
		if part == 0 {
			t.Errorf("the example leaves pod %d without an account", ordinal)
		}
		served += numbers[0]
	}
	if want := len(m.config.Accounts()); served != want {
		t.Errorf("%d of %d accounts are served", served, want)
	}
}

// podOf is a pod as the StatefulSet's controller makes it.
func podOf(set *apps.StatefulSet, ordinal int) *core.Pod {
	pod := &core.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: set.Spec.Template.Spec}
	pod.Name = fmt.Sprintf("%s-%d", set.Name, ordinal)
	pod.Labels[apps.StatefulSetPodNameLabel] = pod.Name
	pod.Labels[apps.PodIndexLabel] = strconv.Itoa(ordinal)
	return pod
}

// arguments are the container's as the kubelet expands them.
func arguments(t *testing.T, c core.Container, pod *core.Pod) (args []string) {
	t.Helper()
	var variables []string
	for _, v := range c.Env {
		if v.ValueFrom == nil || v.ValueFrom.FieldRef == nil {
			t.Fatalf("variable %s is no field of the pod", v.Name)
		}
		label := regexp.MustCompile(`^metadata\.labels\['([^']+)'\]$`).FindStringSubmatch(v.ValueFrom.FieldRef.FieldPath)
		if label == nil || v.ValueFrom.FieldRef.APIVersion != "" && v.ValueFrom.FieldRef.APIVersion != "v1" {
			t.Fatalf("variable %s comes from %v", v.Name, v.ValueFrom.FieldRef)
		}
		variables = append(variables, "$("+v.Name+")", pod.Labels[label[1]])
	}
	for _, arg := range c.Args {
		args = append(args, strings.NewReplacer(variables...).Replace(arg))
	}
	return args
}

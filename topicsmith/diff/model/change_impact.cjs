// What CloudFormation does to each resource when a template takes another's place, by the CDK's own diff library.
//
// Reads a list of {old, new, readableOld, readableNew} from stdin, and writes a list of what it found to stdout. The
// impact is that of the templates as they are; security groups are compared without what only has another name.
'use strict';

const { readFileSync } = require('node:fs');
const { fullDiff } = require('@aws-cdk/cloudformation-diff');
// AWS's specification of resource types, which the library has read already.
const { loadResourceModel } = require('@aws-cdk/cloudformation-diff/lib/diff/util');

const REPLACING = ['WILL_REPLACE', 'MAY_REPLACE'];

function resources(diff) {
  const found = {};
  diff.resources.forEachDifference((logicalId, change) => {
    found[logicalId] = {
      impact: change.changeImpact,
      replacing: Object.entries(change.propertyUpdates)
        .filter(([, property]) => REPLACING.includes(property.changeImpact))
        .map(([name]) => name)
        .sort(),
    };
  });
  return found;
}

function typesOf(templates) {
  const all = templates.flatMap((template) => Object.values(template.Resources ?? {}));
  return [...new Set(all.map((resource) => resource.Type))];
}

const pairs = JSON.parse(readFileSync(0, 'utf8'));
const isStateful = (type) => loadResourceModel(type)?.isStateful;
process.stdout.write(JSON.stringify({
  stateful: typesOf(pairs.flatMap(({ old, new: next }) => [old, next])).filter(isStateful).sort(),
  pairs: pairs.map(({ old, new: next, readableOld, readableNew }) => ({
    resources: resources(fullDiff(old, next)),
    securityGroups: fullDiff(readableOld, readableNew).securityGroupChanges.toJson(),
  })),
}));

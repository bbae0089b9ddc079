/// A prediction of a run on a cluster: a discrete simulation of distribution, intervals, stragglers and failures.
@NullMarked
package org.sparkqwen.job.plan;

import org.jspecify.annotations.NullMarked;

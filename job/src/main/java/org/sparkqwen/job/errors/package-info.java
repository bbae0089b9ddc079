/// Rejected rows, grouped by reason, and the policy that ends a run because of them.
@NullMarked
package org.sparkqwen.job.errors;

import org.jspecify.annotations.NullMarked;

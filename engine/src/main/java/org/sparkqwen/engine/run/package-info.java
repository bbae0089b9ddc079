/// The course of scoring and generating: from requests to sequences in batches, and back to results.
@NullMarked
package org.sparkqwen.engine.run;

import org.jspecify.annotations.NullMarked;

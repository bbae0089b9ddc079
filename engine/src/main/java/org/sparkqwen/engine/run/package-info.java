/// Scores, classifies, generates and embeds: turns requests into sequences in batches, and their outputs into results.
@NullMarked
package org.sparkqwen.engine.run;

import org.jspecify.annotations.NullMarked;

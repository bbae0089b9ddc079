/// Records of JSON and CSV files, cut out of bytes one by one.
@NullMarked
package org.sparkqwen.job.input.record;

import org.jspecify.annotations.NullMarked;

/// How a row's columns become a document or a prompt, and how the others pass unchanged.
@NullMarked
package org.sparkqwen.job.columns;

import org.jspecify.annotations.NullMarked;

/// A model that the driver has checked, and the ways in which hosts get it.
@NullMarked
package org.sparkqwen.job.model;

import org.jspecify.annotations.NullMarked;

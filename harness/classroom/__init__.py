"""A class: programs of students in a folder, scored on a problem set; tables, points, similar programs, feedback."""

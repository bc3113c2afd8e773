resource "aws_instance" "web" {
  ami                         = var.ami
  instance_type               = "t4g.small"
  subnet_id                   = aws_subnet.web.id
  vpc_security_group_ids      = [aws_security_group.web.id]
  associate_public_ip_address = true
}

resource "aws_instance" "app" {
  ami                    = var.ami
  instance_type          = "t4g.small"
  subnet_id              = aws_subnet.app.id
  vpc_security_group_ids = [aws_security_group.app.id]
}

resource "aws_db_subnet_group" "db" {
  subnet_ids = [aws_subnet.db.id]
}

resource "aws_db_instance" "db" {
  engine                      = "postgres"
  instance_class              = "db.t4g.small"
  allocated_storage           = 20
  username                    = "shop"
  password                    = "hunter2"
  publicly_accessible         = true
  db_subnet_group_name        = aws_db_subnet_group.db.name
  vpc_security_group_ids      = [aws_security_group.db.id]
}

variable "ami" {
  type = string
}
